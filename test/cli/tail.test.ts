import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { BIN, cleanEnvironment, runHere } from "./support/run.ts";
import { FLIGHTS } from "./support/server.ts";

// Against a real server, and for what ends and reconnects in a process of its own.

let data: string;
let server: ServerProcess;
let sent = 0;

async function publish(count: number, fields: Record<string, unknown> = {}): Promise<void> {
  const events = Array.from({ length: count }, () => ({
    flight_id: `f${sent++}`,
    date: "2001-01-01T06:00:00Z",
    delay: 10,
    origin: "ATL",
    destination: "BOS",
    ...fields,
  }));
  const response = await fetch(`${server.url}/v1/streams/flights/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(events),
  });
  expect(response.status).toBe(202);
}

/** `headrace tail` in a process of its own. */
function startTail(...args: string[]) {
  const child = spawn(BIN, ["tail", "flights", ...args], {
    env: { ...cleanEnvironment(), HEADRACE_URL: server.url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    child,
    ended,
    stderr: () => stderr,
    ids: () =>
      stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { flight_id: string }).flight_id),
  };
}

async function openTails(): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^headrace_tails\{stream="flights"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "headrace-cli-tail-"));
  server = await startServerProcess({ project: FLIGHTS, data });
  vi.stubEnv("HEADRACE_URL", server.url);
  await publish(3);
  await publish(2, { origin: "JFK" });
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop("SIGKILL");
  await rm(data, { recursive: true, force: true });
});

describe("tail", () => {
  test("prints JSON lines elsewhere than on a terminal", async () => {
    const { code, stdout } = await runHere(["tail", "flights", "--from", "start", "--limit", "5"]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { flight_id: string });
    expect([code, events.map((event) => event.flight_id)]).toEqual([0, ["f0", "f1", "f2", "f3", "f4"]]);
  });

  test("prints only what the filters let through", async () => {
    const filters = ["--filter", "origin=JFK", "--filter", "delay=10"];
    const { stdout } = await runHere(["tail", "flights", "--from", "start", "--limit", "2", ...filters]);
    expect(stdout.match(/f\d+/g)).toEqual(["f3", "f4"]);
  });

  test("prints a table on a terminal, JSON lines with --json", async () => {
    const args = ["tail", "flights", "--from", "start", "--limit", "2"];
    const { stdout } = await runHere(args, { terminal: true });
    // oxlint-disable-next-line no-control-regex -- colours are taken out
    const [header, ...rows] = stdout.replaceAll(/\u001b\[\d+m/g, "").split("\n");
    expect(header).toMatch(/^flight_id +date +delay +distance +origin +destination$/);
    expect(rows[0]).toMatch(/^f0 +2001-01-01T06:00:00Z +10 +ATL +BOS$/);
    const json = await runHere([...args, "--json"], { terminal: true });
    expect(json.stdout.split("\n")[1]).toContain('"flight_id":"f1"');
  });

  test("fails at once with what trying again doesn't mend", async () => {
    expect(await runHere(["tail", "flihgts"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "flights"') as string,
    });
    expect(await runHere(["tail", "flights", "--filter", "orgin=JFK"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "origin"') as string,
    });
    expect(await runHere(["tail", "flights", "--filter", "origin"])).toMatchObject({ code: 2 });
    vi.stubEnv("HEADRACE_URL", "http://127.0.0.1:1");
    expect(await runHere(["tail", "flights"])).toMatchObject({ code: 1 });
    vi.stubEnv("HEADRACE_URL", server.url);
  });

  test("ends at Ctrl-C with exit code 0 and nothing printed of it", async () => {
    const tail = startTail("--from", "start");
    await until(() => tail.ids().length === 5);
    tail.child.kill("SIGINT");
    expect([await tail.ended, tail.stderr()]).toEqual([0, ""]);
  });

  test("goes on after the last event when the server comes back, losing and doubling none", async () => {
    const before = sent;
    const tail = startTail();
    await until(async () => (await openTails()) === 1);
    await publish(4);
    await until(() => tail.ids().length === 4);
    const port = Number(new URL(server.url).port);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await server.stop(signal);
      server = await startServerProcess({ project: FLIGHTS, data, port });
      await publish(3);
    }
    await until(() => tail.ids().length >= 10, { timeout: 30_000 });
    await publish(1);
    await until(() => tail.ids().length >= 11);
    expect(tail.ids()).toEqual(Array.from({ length: 11 }, (_, n) => `f${before + n}`));
    expect(tail.stderr()).toContain("the server ended it (draining)");
    expect(tail.stderr()).toContain("connecting again");
    tail.child.kill("SIGINT");
    expect(await tail.ended).toBe(0);
  });
});
