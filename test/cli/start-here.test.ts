import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCli } from "../../src/cli/cli.ts";
import { until } from "../support/until.ts";
import { memoryIo } from "./support/run.ts";
import { FLIGHTS } from "./support/server.ts";

// `start` and `dev` in this process, where a signal is an event that the test emits.

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-start-here-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("`start` serves until a signal, and resolves when all is closed", async () => {
  const { io, stderr } = memoryIo();
  const args = [
    "start",
    "--project",
    FLIGHTS,
    "--port",
    "0",
    "--data",
    folder,
    "--log-level",
    "silent",
    "--json",
  ];
  const running = runCli(args, io);
  await until(() => stderr() !== "", { timeout: 30_000 });
  const { url } = JSON.parse(stderr()) as { url: string };
  expect((await fetch(`${url}/readyz`)).status).toBeLessThan(600);
  process.emit("SIGTERM");
  expect(await running).toBe(0);
  await expect(fetch(`${url}/livez`)).rejects.toThrow("fetch failed");
});

test("`dev` runs the server in a process of its own, shows its addresses, and stops it on a signal", async () => {
  const { io, stdout, stderr } = memoryIo();
  const running = runCli(["dev", "--project", FLIGHTS, "--port", "0", "--data", folder], io);
  await until(() => stdout().includes("ready at") || stderr() !== "", { timeout: 30_000 });
  expect(stderr()).toBe("");
  const url = /ready at (\S+),/.exec(stdout())?.[1] ?? "";
  expect((await fetch(`${url}/v1/endpoints/delays_by_hour`)).status).toBe(200);
  expect(stdout()).toContain(`  endpoint  ${url}/v1/endpoints/worst_days`);
  process.emit("SIGINT");
  expect(await running).toBe(0);
  await expect(fetch(`${url}/livez`)).rejects.toThrow("fetch failed");
});
