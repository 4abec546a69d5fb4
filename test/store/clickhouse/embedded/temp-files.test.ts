import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TempFiles } from "../../../../src/store/clickhouse/embedded/temp-files.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "headrace-temp-files-"));
  await mkdir(join(root, "data"));
  await mkdir(join(root, "fast"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const open = (): Promise<TempFiles> => TempFiles.open(join(root, "data"), join(root, "fast"));

test("a file holds all chunks, however many, and is for this user only", async () => {
  const files = await open();
  const chunks = Array.from({ length: 2500 }, (_, n) => Buffer.from(`${n}\n`));
  const path = await files.write(chunks);
  expect(await readFile(path)).toEqual(Buffer.concat(chunks));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(files.folder)).mode & 0o777).toBe(0o700);
  await files.remove(path);
  expect(await readdir(files.folder)).toEqual([]);
});

test("what an earlier run left is removed, and everything at the end", async () => {
  const before = await open();
  await before.write([Buffer.from("stale")]);
  const after = await open();
  expect(after.folder).toBe(before.folder);
  expect(await readdir(after.folder)).toEqual([]);
  await after.close();
  expect(await readdir(join(root, "fast"))).toEqual([]);
  expect(await readdir(join(root, "data"))).toEqual([]);
});

test("two data folders don't share theirs", async () => {
  await mkdir(join(root, "other"));
  const one = await open();
  const two = await TempFiles.open(join(root, "other"), join(root, "fast"));
  const path = await one.write([Buffer.from("x")]);
  await two.close();
  expect(await readFile(path, "utf8")).toBe("x");
});

test("the data folder is used when the fast one can't be written to", async () => {
  const files = await open();
  await rm(files.folder, { recursive: true });
  await writeFile(files.folder, "in the way");
  const path = await files.write([Buffer.from("x")]);
  expect(path.startsWith(join(root, "data"))).toBe(true);
  expect(await readFile(path, "utf8")).toBe("x");
});

test("without a wish it is memory, where there is some", async () => {
  const files = await TempFiles.open(join(root, "data"));
  expect(await readFile(await files.write([Buffer.from("x")]), "utf8")).toBe("x");
  await files.close();
});
