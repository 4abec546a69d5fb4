import { mkdtemp, rm, symlink, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ProjectReport } from "../../../src/cli/check/check-project.ts";
import { ROOT, runBin, runHere } from "../support/run.ts";
import { FLIGHTS } from "../support/server.ts";

const BROKEN = join(import.meta.dirname, "broken-project");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-check-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(ROOT, join(folder, "node_modules/headrace"));
  await symlink(join(ROOT, "node_modules/zod"), join(folder, "node_modules/zod"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function declare(body: string): Promise<void> {
  await writeFile(
    join(folder, "headrace.config.ts"),
    `import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";
${body}`,
  );
}

test("a good project is shown with its columns and types, and exits 0", async () => {
  const { code, stdout, stderr } = await runHere(["check", "--project", FLIGHTS]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^stream +column +type\nflights +flight_id +String\n +date +DateTime64\(3, 'UTC'\)\n/,
  );
  expect(stdout).toMatch(/\ndelays_by_origin +origin +String\n +flights +UInt64\n +mean_delay +Float64\n/);
  expect(stdout).toMatch(/\nflights is fine: 1 stream, 4 endpoints\n$/);
});

test("with --json it is a report for programs", async () => {
  const { stdout, stderr } = await runHere(["check", "--project", FLIGHTS, "--json"]);
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as ProjectReport;
  expect(report).toMatchObject({ project: "flights", ok: true });
  expect(report.endpoints.find(({ name }) => name === "delays_by_origin")?.columns).toEqual([
    { name: "origin", type: "String" },
    { name: "flights", type: "UInt64" },
    { name: "mean_delay", type: "Float64" },
  ]);
});

test("every endpoint that fails is named with the parameters that it fails with, and exits 1", async () => {
  const { code, stdout, stderr } = await runHere(["check", "--project", BROKEN]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/\ngood +page +String\n/);
  expect(stdout).toMatch(/\nbroken +failed\n/);
  expect(stdout).toMatch(/\nendpoint broken: .*pgae/);
  expect(stdout).toMatch(/\nendpoint sometimes: with since: .*tat/);
  expect(stdout).not.toContain("is fine");
  expect(stderr).toContain("error: broken, sometimes don't pass");
});

test("what works and is worth knowing is noted", async () => {
  const { stdout } = await runHere(["check", "--project", BROKEN]);
  expect(stdout).toContain("note: clicks: page is validated by Zod alone, which is slower");
  expect(stdout).toContain("note: clicks: a refinement of the whole event makes validation slower");
  expect(stdout).toContain("note: good: code wasn't tried: give a value with .meta({ examples: [ … ] })");
});

test.each([
  ["a syntax error", "export default {{;", "headrace.config.ts:3"],
  [
    "a declaration that can't be used",
    'defineStream("Bad Name", { schema: z.object({}), table: { orderBy: [] } });',
    "Bad Name",
  ],
  ["a file that exports no project", "export const a = 1;", "export default defineProject"],
])("%s is named with its place", async (_, body, message) => {
  await declare(body);
  const { code, stderr } = await runBin(["check", "--project", folder]);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr).toContain("headrace.config.ts");
});
