import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { BIN, cleanEnvironment, ROOT } from "../support/run.ts";

let folder: string;
let dev: ChildProcess;
let output: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-dev-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(ROOT, join(folder, "node_modules/headrace"));
  await symlink(join(ROOT, "node_modules/zod"), join(folder, "node_modules/zod"));
});

afterEach(async () => {
  if (dev.exitCode === null && dev.signalCode === null) {
    dev.kill("SIGINT");
    await once(dev, "close");
  }
  await rm(folder, { recursive: true, force: true });
});

function startDev(): void {
  output = "";
  dev = spawn(BIN, ["dev", "--project", folder, "--port", "0"], { env: cleanEnvironment() });
  dev.stdout?.on("data", (chunk) => (output += String(chunk)));
  dev.stderr?.on("data", (chunk) => (output += String(chunk)));
}

async function declare(endpoint: string, extra = ""): Promise<void> {
  await writeFile(
    join(folder, "headrace.config.ts"),
    `import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";
const clicks = defineStream("clicks", { schema: z.object({ page: z.string() }), freshness: "100ms", table: { orderBy: ["page"] } });
const count = defineEndpoint("${endpoint}", { params: z.object({}), query: () => sql\`SELECT count() AS n FROM \${clicks}\` });
export default defineProject({ name: "dev", streams: [clicks], endpoints: [count] });
${extra}`,
  );
}

/** The addresses whose announcement is there to its last line: the last is the running server's. */
const urls = () =>
  [...output.matchAll(/^ready at (http:\/\/127\.0\.0\.1:\d+)[^]*?curl -sS '\1.*\n/gm)].map(
    ([, url]) => url ?? "",
  );

async function announced(times: number): Promise<string> {
  await until(() => urls().length >= times, { timeout: 30_000 }).catch((error: unknown) => {
    throw new Error(output, { cause: error });
  });
  return urls()[times - 1] ?? "";
}

async function ask(url: string, endpoint: string): Promise<unknown> {
  const response = await fetch(`${url}/v1/endpoints/${endpoint}`);
  const answer = (await response.json()) as { data?: { n: number }[] };
  return answer.data?.[0]?.n;
}

test("a project that can't be loaded is said, and tried again when it changes", async () => {
  await declare("total", "export const broken = ;");
  startDev();
  await until(() => output.includes("waiting for a change"), { timeout: 30_000 });
  expect(output).toContain("error: ");
  expect(output).toContain("headrace.config.ts:6");
  await declare("total");
  const url = await announced(1);
  expect(output).toContain(`stream    ${url}/v1/streams/clicks`);
  expect(output).toContain(`curl -sS '${url}/v1/endpoints/total'`);
}, 60_000);

test("a change restarts the server with the new declaration and the old data", async () => {
  await declare("total");
  startDev();
  const first = await announced(1);
  const sent = await fetch(`${first}/v1/streams/clicks/events?wait=stored`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '[{"page":"/a"},{"page":"/b"}]',
  });
  expect(sent.status).toBe(200);
  await declare("clicks_total");
  const second = await announced(2);
  expect(await ask(second, "clicks_total")).toBe(2);
  expect((await fetch(`${second}/v1/endpoints/total`)).status).toBe(404);
}, 60_000);

test("Ctrl-C stops the server too, and exits 0", async () => {
  await declare("total");
  startDev();
  const url = await announced(1);
  dev.kill("SIGINT");
  expect(await once(dev, "close")).toEqual([0, null]);
  await expect(fetch(`${url}/livez`)).rejects.toThrow("fetch failed");
}, 60_000);

test("a server doesn't outlive a `dev` that was killed", async () => {
  await declare("total");
  startDev();
  const url = await announced(1);
  dev.kill("SIGKILL");
  const gone = async () =>
    fetch(`${url}/livez`).then(
      () => false,
      () => true,
    );
  await until(gone, { timeout: 15_000 });
  expect(await gone()).toBe(true);
}, 60_000);

test("the log is for people", async () => {
  await declare("total");
  startDev();
  await announced(1);
  await until(() => /^\d\d:\d\d:\d\d info {2}\S/m.test(output));
  expect(output).not.toContain('{"level"');
}, 60_000);
