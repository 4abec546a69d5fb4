import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runHere } from "./support/run.ts";

let parent: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "headrace-init-"));
});

afterEach(async () => {
  await rm(parent, { recursive: true, force: true });
});

test("a new folder gets a whole project, and the next steps are said", async () => {
  const folder = join(parent, "My Analytics 2");
  const { code, stdout } = await runHere(["init", folder]);
  expect(code).toBe(0);
  expect((await readdir(folder)).sort()).toEqual([
    ".gitignore",
    "README.md",
    "events.ndjson",
    "headrace.config.ts",
    "package.json",
    "tsconfig.json",
  ]);
  expect(stdout).toMatch(/Next:\n {2}cd .*My Analytics 2\n {2}npm install\n {2}npm run dev\n/);
  expect(await readFile(join(folder, "headrace.config.ts"), "utf8")).toContain('name: "my_analytics_2"');
  const own = JSON.parse(await readFile("package.json", "utf8")) as {
    version: string;
    dependencies: { zod: string };
  };
  expect(JSON.parse(await readFile(join(folder, "package.json"), "utf8"))).toEqual({
    name: "my-analytics-2",
    private: true,
    type: "module",
    scripts: { dev: "headrace dev", start: "headrace start", check: "headrace check" },
    dependencies: { headrace: `^${own.version}`, node: "^24.0.0", zod: own.dependencies.zod },
    allowScripts: { chdb: true, node: true },
  });
});

test("--headrace names a version or a packed file, wherever the project is", async () => {
  const tarball = join(parent, "headrace-9.9.9.tgz");
  await writeFile(tarball, "");
  await runHere(["init", join(parent, "a"), "--headrace", tarball]);
  await runHere(["init", join(parent, "b"), "--headrace", "~9.9.0"]);
  expect(await readFile(join(parent, "a", "package.json"), "utf8")).toContain(
    `"headrace": "file:${tarball}"`,
  );
  expect(await readFile(join(parent, "b", "package.json"), "utf8")).toContain('"headrace": "~9.9.0"');
});

test("an existing empty folder is taken, also a fresh repository", async () => {
  await mkdir(join(parent, "repository/.git"), { recursive: true });
  expect((await runHere(["init", join(parent, "repository")])).code).toBe(0);
});

test("a folder with files is refused and left as it is", async () => {
  await writeFile(join(parent, "notes.txt"), "mine");
  const { code, stderr } = await runHere(["init", parent]);
  expect(code).toBe(1);
  expect(stderr).toContain("isn't empty: it has notes.txt");
  expect(await readdir(parent)).toEqual(["notes.txt"]);
});

test("a folder that can't be made is said plainly", async () => {
  await writeFile(join(parent, "file"), "");
  const { code, stderr } = await runHere(["init", join(parent, "file/project")]);
  expect(code).toBe(1);
  expect(stderr).toContain("ENOTDIR");
});

test("--json lists the files", async () => {
  const folder = join(parent, "42");
  const { stdout } = await runHere(["init", folder, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    folder,
    files: expect.arrayContaining(["headrace.config.ts"]) as unknown,
  });
  expect(await readFile(join(folder, "headrace.config.ts"), "utf8")).toContain('name: "analytics"');
});
