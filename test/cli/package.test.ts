import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, constants, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { BIN, cleanEnvironment, ROOT } from "./support/run.ts";

// What a user does: Headrace from `npm pack`, a project from `headrace init`, everything outside the checkout.

const INSTALL_TIMEOUT = 300_000;
const COMMAND_TIMEOUT = 60_000;

let folder: string;
let project: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-package-"));
  project = join(folder, "my-analytics");
  // What `npm pack` runs first, without its set-up of the checkout, which this test stands on.
  await run(process.execPath, ["scripts/build.ts"], ROOT);
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], ROOT);
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack left no file");
  await run(BIN, ["init", project, "--headrace", join(folder, tarball)], folder);
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], project);
}, INSTALL_TIMEOUT);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
}, COMMAND_TIMEOUT);

test("the package holds compiled files alone, and its program can be executed", async () => {
  const installed = join(project, "node_modules/headrace");
  expect((await readdir(installed)).sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "dist",
    "docs",
    "package.json",
  ]);
  const files = await readdir(join(installed, "dist"), { recursive: true });
  expect(files.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))).toEqual([]);
  await access(join(installed, "dist/cli/main.js"), constants.X_OK);
});

test("`npm run check` of a new project passes", { timeout: COMMAND_TIMEOUT }, async () => {
  const output = await run("npm", ["run", "check"], project);
  expect(output).toMatch(/views_by_page +page +String/);
  expect(output).toContain("my_analytics is fine: 1 stream, 1 endpoint");
});

test("the package generates a typed client", { timeout: COMMAND_TIMEOUT }, async () => {
  const output = await run("npx", ["headrace", "generate", "client", "--out", "client.ts"], project);
  expect(output).toBe("client.ts has a client of my_analytics: 1 stream, 1 endpoint\n");
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const flags = ["--noEmit", "--strict", "--target", "es2024", "--types", "", "client.ts"];
  await run(process.execPath, [compiler, "--ignoreConfig", ...flags], project);
});

test("`npm run dev` serves what `publish` sends and `query` asks", { timeout: COMMAND_TIMEOUT }, async () => {
  const dev = spawn("npm", ["run", "dev", "--", "--port", "0"], {
    cwd: project,
    env: outsideEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const output: string[] = [];
  for (const stream of [dev.stdout, dev.stderr]) {
    createInterface({ input: stream }).on("line", (line) => output.push(line));
  }
  const ended = once(dev, "close");
  try {
    const url = await readyUrl(dev, output);
    const server = { HEADRACE_URL: url };
    expect(
      await run("npx", ["headrace", "publish", "page_views", "events.ndjson"], project, server),
    ).toContain("page_views: 24 accepted, 0 rejected");
    const views = async (): Promise<number> => {
      const answer = await run("npx", ["headrace", "query", "views_by_page", "--json"], project, server);
      const { data } = JSON.parse(answer) as { data: { views: number }[] };
      return data.reduce((sum, row) => sum + row.views, 0);
    };
    await until(async () => (await views()) === 24, { timeout: COMMAND_TIMEOUT / 2 });
  } finally {
    // As Ctrl-C does: to the whole group.
    process.kill(-(dev.pid ?? 0), "SIGINT");
    await ended;
  }
});

test("the new project's own tsconfig.json passes", { timeout: COMMAND_TIMEOUT }, async () => {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  expect(await run(process.execPath, [compiler, "-p", "."], project)).toBe("");
});

test.each([
  ["nodenext", "nodenext"],
  ["bundler", "esnext"],
])("its types work under moduleResolution %s", { timeout: COMMAND_TIMEOUT }, async (resolution, module) => {
  const file = `consumer-${resolution}.ts`;
  await writeFile(join(project, file), CONSUMER);
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const options = "--ignoreConfig --noEmit --strict --target es2024".split(" ");
  const resolve = ["--types", "", "--moduleResolution", resolution, "--module", module];
  const output = await run(process.execPath, [compiler, ...options, ...resolve, file], project);
  expect(output).toBe("");
});

const CONSUMER = `import { defineEndpoint, defineStream, sql, type EventOf, type ParamsOf } from "headrace";
import { z } from "zod";
const views = defineStream("views", {
  schema: z.object({ page: z.string(), ms: z.int32().optional() }),
  table: { orderBy: ["page"] },
});
const slow = defineEndpoint("slow", {
  params: z.object({ limit: z.int().default(10) }),
  query: ({ limit }) => sql\`SELECT page FROM \${views} LIMIT \${limit}\`,
});
const event: EventOf<typeof views> = { page: "/" };
const params: ParamsOf<typeof slow> = { limit: 1 };
// @ts-expect-error a number is no page
const wrong: EventOf<typeof views> = { page: 1 };
// @ts-expect-error the column doesn't exist
defineStream("x", { schema: z.object({ a: z.string() }), table: { orderBy: ["b"] } });
console.log(event, params, wrong);
declare const console: { log(...values: unknown[]): void };
`;

async function readyUrl(dev: ChildProcess, output: readonly string[]): Promise<string> {
  let url: string | undefined;
  await until(
    () => {
      url = /ready at (http:\/\/127\.0\.0\.1:\d+)/.exec(output.join("\n"))?.[1];
      const failed = output.some((line) => line.startsWith("waiting for a change"));
      return url !== undefined || failed || dev.exitCode !== null;
    },
    { timeout: COMMAND_TIMEOUT / 2 },
  );
  if (url === undefined) throw new Error(`the server isn't ready:\n${output.join("\n")}`);
  return url;
}

/** Runs a command to its end and gives what it printed; fails with all of it when it fails. */
async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    env: { ...outsideEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let all = "";
  child.stdout.on("data", (chunk) => {
    stdout += String(chunk);
    all += String(chunk);
  });
  child.stderr.on("data", (chunk) => (all += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${all}`);
  return stdout;
}

/** As a user's shell has it: without what npm and the checkout's own scripts add for what they run. */
function outsideEnvironment(): Record<string, string> {
  const kept = Object.entries(cleanEnvironment()).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)|INIT_CWD$|NODE_|UV_|VITEST)/.test(
        name,
      ),
  );
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => !entry.startsWith(ROOT));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}
