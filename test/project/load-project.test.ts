import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadProject } from "../../src/project/load-project.ts";

const source = (path: string) => pathToFileURL(join(import.meta.dirname, "../..", path)).href;
const IMPORTS = `import { defineEndpoint, defineProject, defineStream, sql } from "${source("src/index.ts")}";
import { z } from "${source("node_modules/zod/index.js")}";
const flights = defineStream("flights", { schema: z.object({ a: z.string() }), table: { orderBy: ["a"] } });
const reads = defineEndpoint("reads", { query: () => sql\`SELECT * FROM \${flights}\` });`;

let root: string;
let count = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "headrace-project-"));
});

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A new project folder with these files: a module is imported once per process, so each test has its own. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = join(root, `p${count++}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

interface Outcome {
  readonly name?: string;
  readonly streams?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

/** Loads it in a Node of its own: vitest imports modules in another way. */
async function load(folder: string): Promise<Outcome> {
  const child = join(import.meta.dirname, "load-project-child.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [child, folder]);
  return JSON.parse(stdout) as Outcome;
}

/** The same in this process, for what doesn't depend on how modules are imported. */
async function failureHere(folder: string): Promise<unknown> {
  try {
    return await loadProject(folder);
  } catch (error) {
    return error;
  }
}

async function failureOf(folder: string): Promise<{ readonly code: string; readonly message: string }> {
  const { code, message } = await load(folder);
  if (code === undefined || message === undefined) throw new Error("the project was loaded");
  return { code, message };
}

test.each(["headrace.config.ts", "headrace.config.js", "headrace.config.mjs"])(
  "a project is read from %s",
  async (name) => {
    const folder = folderWith({
      [name]: `${IMPORTS}\nexport default defineProject({ name: "airport", streams: [flights], endpoints: [reads] });`,
    });
    const project = await loadProject(folder);
    expect(project).toMatchObject({ kind: "project", name: "airport" });
    expect(project.streams.map((stream) => stream.name)).toEqual(["flights"]);
  },
);

test("TypeScript's own types are fine in it", async () => {
  const folder = folderWith({
    "headrace.config.ts": `${IMPORTS}\nconst name: string = "typed";\nexport default defineProject({ name });`,
  });
  expect((await load(folder)).name).toBe("typed");
});

test("a folder without a project says which", async () => {
  const folder = folderWith({});
  expect(await failureHere(folder)).toMatchObject({
    code: "project_not_found",
    message: `There is no headrace.config.ts in ${folder}`,
  });
  expect(await failureOf(join(folder, "nothing"))).toMatchObject({ code: "project_not_found" });
});

test("a syntax error is named with file and line", async () => {
  const folder = folderWith({ "headrace.config.ts": "const a = 1;\n\nconst b = = 2;\nexport default a;\n" });
  const { code, message } = await failureOf(folder);
  expect(code).toBe("project_invalid");
  expect(message).toMatch(new RegExp(`^${join(folder, "headrace.config.ts")}:3: .`));
});

test("a syntax error in a file that it imports is named there", async () => {
  const folder = folderWith({
    "headrace.config.ts": 'import { a } from "./other.ts";\nexport default a;\n',
    "other.ts": "export const a = 1;\nexport const = 2;\n",
  });
  expect((await failureOf(folder)).message).toContain(`${join(folder, "other.ts")}:2: `);
});

test("an error at run time is named with file and line", async () => {
  const folder = folderWith({ "headrace.config.ts": "\nconst a = undefined;\na.b();\nexport default a;\n" });
  expect((await failureOf(folder)).message).toContain(
    `${join(folder, "headrace.config.ts")}:3: Cannot read properties`,
  );
});

test("a package that isn't installed has its way out", async () => {
  const folder = folderWith({
    "headrace.config.ts": 'import "@headrace/no-such-package";\nexport default 1;\n',
  });
  const { message } = await failureOf(folder);
  expect(message).toContain("@headrace/no-such-package");
  expect(message).toContain("Run `npm install` in the project's folder");
});

test("an error of a declaration keeps its words and gets the file", async () => {
  const folder = folderWith({
    "headrace.config.ts": `${IMPORTS}\nexport default defineProject({ name: "x", streams: [flights, flights] });`,
  });
  const { code, message } = await failureOf(folder);
  expect(code).toBe("project_invalid");
  expect(message).toContain(join(folder, "headrace.config.ts"));
  expect(message).toContain('two streams are named "flights"; rename one');
  expect(await failureHere(folder)).toMatchObject({ message: expect.stringContaining(folder) as string });
});

test.each([
  ["no default export", "export const a = 1;"],
  ["something else", 'export default { name: "airport" };'],
  ["nothing", "export default undefined;"],
])("%s is told from a project", async (_, text) => {
  const folder = folderWith({ "headrace.config.ts": text });
  expect((await failureOf(folder)).message).toContain("the default export must be a project");
  expect(await failureHere(folder)).toMatchObject({ code: "project_invalid" });
});

test("an endpoint that reads a stream outside the project is refused", async () => {
  const folder = folderWith({
    "headrace.config.ts": `${IMPORTS}\nexport default defineProject({ name: "x", endpoints: [reads] });`,
  });
  expect((await failureOf(folder)).message).toContain(
    'endpoint "reads" reads the stream "flights", which isn\'t in',
  );
});

test("an endpoint that can't be called without parameters doesn't stop the load", async () => {
  const folder = folderWith({
    "headrace.config.ts": `${IMPORTS}
const needs = defineEndpoint("needs", { params: z.object({ a: z.string() }), query: ({ a }) => sql\`SELECT \${a} FROM \${flights}\` });
export default defineProject({ name: "x", endpoints: [needs] });`,
  });
  expect((await load(folder)).name).toBe("x");
});
