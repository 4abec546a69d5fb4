import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseTokens, type WrittenToken } from "../../src/access/token-entries.ts";
import { hashToken } from "../../src/access/token.ts";
import { runHere } from "./support/run.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-token-"));
  file = join(folder, "tokens.json");
});
afterEach(() => rm(folder, { recursive: true }));

const create = (...args: string[]) =>
  runHere(["token", "new", "--name", "loader", "--scope", "ingest:flights", ...args]);
const entriesOf = async () => JSON.parse(await readFile(file, "utf8")) as WrittenToken[];

describe("headrace token new", () => {
  test("prints the token alone on standard output, and the entry, which holds only its hash, beside it", async () => {
    const { code, stdout, stderr } = await create("--expires", "90d", "--rate", "100", "--burst", "200");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^hr_[A-Za-z0-9_-]{43}\n$/);
    const token = stdout.trim();
    expect(stderr).not.toContain(token);
    const entry = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as WrittenToken;
    expect(entry).toMatchObject({
      name: "loader",
      hash: hashToken(token),
      scopes: ["ingest:flights"],
      rate: { requests_per_second: 100, burst: 200 },
    });
    expect(Date.parse(entry.expires) - Date.now()).toBeGreaterThan(89.9 * 24 * 3600 * 1000);
    expect(parseTokens(JSON.stringify([entry]), "test")).toHaveLength(1);
  });

  test("gives programs the token and the entry as JSON", async () => {
    const { stdout } = await create("--scope", "sql", "--expires", "2099-01-31", "--json");
    const { token, entry } = JSON.parse(stdout) as { token: string; entry: WrittenToken };
    expect(entry).toEqual({
      name: "loader",
      hash: hashToken(token),
      scopes: ["ingest:flights", "sql"],
      expires: "2099-01-31T00:00:00.000Z",
    });
  });

  test.each([
    ["no expiry", [], "--expires"],
    ["an expiry that isn't one", ["--expires", "soon"], "--expires"],
    ["an expiry in the past", ["--expires", "2020-01-01"], "is over"],
    ["a day that isn't there", ["--expires", "2099-02-31T99:00:00Z"], "--expires"],
    ["an expiry after all times", ["--expires", "999999y"], "--expires"],
    [
      "a scope that isn't one",
      ["--expires", "1d", "--scope", "ingset:flights"],
      'did you mean "ingest:flights"',
    ],
    ["a name that can't be one", ["--expires", "1d", "--name", "a:b"], "name: expected"],
    ["a burst without a rate", ["--expires", "1d", "--burst", "5"], "--rate"],
  ])("%s is refused as a wrong usage", async (_what, args, message) => {
    const { code, stdout, stderr } = await create(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  test("alone shows its help", async () => {
    expect(await runHere(["token"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("new") as string,
    });
  });
});

describe("--file", () => {
  test("makes a file that only its owner reads, and adds to it what it leaves as it is", async () => {
    const { stdout } = await create("--expires", "1d", "--file", file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const [first] = await entriesOf();
    expect(first?.hash).toBe(hashToken(stdout.trim()));
    await create("--expires", "1d", "--file", file);
    const both = await entriesOf();
    expect(both).toHaveLength(2);
    expect(both[0]).toEqual(first);
    expect(await readdir(folder)).toEqual(["tokens.json"]);
    expect(await readFile(file, "utf8")).not.toContain(stdout.trim());
  });

  test("keeps the mode of a file that is there, and a link a link", async () => {
    const target = join(folder, "target.json");
    await writeFile(target, "[]", { mode: 0o640 });
    await symlink(target, file);
    expect((await create("--expires", "1d", "--file", file)).code).toBe(0);
    expect((await stat(target)).mode & 0o777).toBe(0o640);
    expect(JSON.parse(await readFile(target, "utf8"))).toHaveLength(1);
    expect(await entriesOf()).toHaveLength(1);
  });

  test.each([
    ["isn't JSON", "[{"],
    ["has a bad entry", `[{"name": "x"}]`],
    ["is something else", `{"tokens": []}`],
  ])("leaves a file alone that %s", async (_what, text) => {
    await writeFile(file, text);
    const { code, stdout } = await create("--expires", "1d", "--file", file);
    expect([code, stdout]).toEqual([1, ""]);
    expect(await readFile(file, "utf8")).toBe(text);
    expect(await readdir(folder)).toEqual(["tokens.json"]);
  });

  test("waits for nobody: while another command writes, it fails and says so", async () => {
    await writeFile(`${file}.new`, "");
    const { code, stderr } = await create("--expires", "1d", "--file", file);
    expect(code).toBe(1);
    expect(stderr).toContain("another command is adding a token");
    expect(await readdir(folder)).toEqual(["tokens.json.new"]);
  });

  test("says so when there is no such folder", async () => {
    const { code, stdout, stderr } = await create("--expires", "1d", "--file", join(folder, "no/where.json"));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("ENOENT");
  });

  test("loses no token when several are added at once", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => create("--expires", "1d", "--file", file)),
    );
    const done = outcomes.filter(({ code }) => code === 0).length;
    expect(done).toBeGreaterThan(0);
    expect(await entriesOf()).toHaveLength(done);
  });
});
