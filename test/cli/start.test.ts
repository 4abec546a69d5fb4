import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { IngestServer } from "./support/ingest-server.ts";
import { cleanEnvironment, ROOT, runBin } from "./support/run.ts";
import { FLIGHTS, startFlights } from "./support/server.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-start-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each(["SIGTERM", "SIGINT"] as const)("%s stops the server within 10 s and exits 0", async (signal) => {
  const server = await startFlights();
  try {
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    const started = performance.now();
    expect(await server.stop(signal)).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow("fetch failed");
  } finally {
    await server.remove();
  }
});

test("the log is JSON lines on standard output, and one line on standard error says the address", async () => {
  const server = await startFlights();
  try {
    const lines = server.output().split("\n");
    expect(lines.filter((line) => line.startsWith("Headrace is ready at "))).toEqual([
      `Headrace is ready at ${server.url}`,
    ]);
    const log = lines.filter((line) => !line.startsWith("Headrace is ready"));
    expect(log.length).toBeGreaterThan(0);
    for (const line of log) expect(JSON.parse(line)).toHaveProperty("msg");
  } finally {
    await server.remove();
  }
});

test.runIf(process.platform === "linux").each(["", undefined])(
  "libuv's pool has the size that the engine and the log need, when UV_THREADPOOL_SIZE is %j",
  async (size) => {
    const server = new IngestServer();
    const url = await server.start();
    const { UV_THREADPOOL_SIZE: _, ...env } = cleanEnvironment();
    const child = spawn(process.execPath, [join(ROOT, "src/cli/main.ts"), "publish", "flights", "-"], {
      env: { ...env, HEADRACE_URL: url, ...(size === undefined ? {} : { UV_THREADPOOL_SIZE: size }) },
    });
    const ended = once(child, "close");
    try {
      // Compressing runs on the pool, which has all its threads from its first use on.
      child.stdin.write('{"a":1}\n');
      await until(() => server.received.length > 0);
      expect((await readdir(`/proc/${child.pid}/task`)).length).toBeGreaterThan(16);
    } finally {
      child.stdin.end();
      await ended;
      await server.stop();
    }
  },
);

test.each([
  ["a folder without a project", [], {}, "There is no headrace.config.ts in", "headrace init"],
  ["a bad port", ["--port", "http"], {}, '--port "http": expected an integer', "CONFIG.md"],
  [
    "an unknown setting",
    [],
    { HEADRACE_PROT: "1" },
    "HEADRACE_PROT is no setting; did you mean HEADRACE_PORT?",
    "CONFIG.md",
  ],
])("%s is one clear error", async (_, args, env, message, advice) => {
  const { code, stderr } = await runBin(["start", "--project", folder, ...args], { env });
  expect(code).toBe(1);
  expect(stderr).toContain(`error: ${message}`.slice(0, 30));
  expect(stderr).toContain(message);
  expect(stderr).toContain(advice);
  expect(stderr.trimEnd().split("\n")).toHaveLength(2);
});

test("a project with a syntax error is named with file and line", async () => {
  await writeFile(join(folder, "headrace.config.ts"), "export const a = 1;\nexport default {{;\n");
  const { code, stderr } = await runBin(["start", "--project", folder]);
  expect(code).toBe(1);
  expect(stderr).toContain("headrace.config.ts:2");
});

test("a data folder that is a file, or lies below one, is said so", async () => {
  const file = join(folder, "file");
  await writeFile(file, "");
  const start = ["start", "--project", FLIGHTS, "--port", "0", "--data"];
  const is = await runBin([...start, file]);
  expect([is.code, is.stderr]).toEqual([1, expect.stringContaining("it is a file, not a folder")]);
  const below = await runBin([...start, join(file, "data")]);
  expect([below.code, below.stderr]).toEqual([1, expect.stringContaining("a part of its path is a file")]);
  expect(is.stderr + below.stderr).not.toMatch(/EEXIST|ENOTDIR/);
});

test("ready is said when /readyz says it, and not when a stream can't be loaded", async () => {
  const server = await startFlights();
  try {
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { ready: true }]);
    expect(server.output()).toContain("Headrace is ready at");
    expect(await server.stop("SIGKILL")).toBe(null);
    const ledgers = join(server.data, "ledger");
    for (const name of await readdir(ledgers)) await writeFile(join(ledgers, name), "damaged\n".repeat(3));

    const again = await startServerProcess({ project: FLIGHTS, data: server.data });
    const output = again.output();
    const readyz = await fetch(`${again.url}/readyz`);
    await again.stop("SIGKILL");
    expect(readyz.status).toBe(503);
    expect(output).toMatch(/^Headrace isn't ready: stream flights: ledger_corrupt: .*It answers at http:/m);
    expect(output).not.toMatch(/Headrace is ready|"msg":"ready"/);
  } finally {
    await server.remove();
  }
});

test("what Node compiled is kept in the user's folder, and a user without one can work", async () => {
  const kept = await runBin(["--version"], { env: { HOME: folder } });
  expect(kept.code).toBe(0);
  expect(await readdir(join(folder, ".cache/headrace"))).not.toEqual([]);
  const homeless = await runBin(["--version"], { env: { HOME: "/dev/null" } });
  expect(homeless).toEqual(kept);
});

test("a port in use is said with the way out, and nothing is made", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await runBin([
    "start",
    "--project",
    FLIGHTS,
    "--port",
    String(port),
    "--data",
    join(folder, "data"),
  ]);
  other.close();
  expect(await readdir(folder)).toEqual([]);
  expect(code).toBe(1);
  expect(stderr).toContain(String(port));
  expect(stderr).toContain("--port");
});
