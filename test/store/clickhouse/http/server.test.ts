import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CLICKHOUSE_PASSWORD,
  startClickHouse,
  type ClickHouseServer,
} from "../../../support/clickhouse-server.ts";
import { startServerProcess, type ServerProcess } from "../../../support/server-process.ts";
import { until } from "../../../support/until.ts";

const PROJECT = join(import.meta.dirname, "../../../../examples/flights");
const HEADRACE = join(import.meta.dirname, "../../../../bin/headrace");

const flight = (id: string, more: object = {}): object => ({
  flight_id: id,
  date: "2024-03-05T06:07:08.009+01:00",
  delay: 10,
  origin: "JFK",
  destination: "LAX",
  ...more,
});

describe("a server whose store is ClickHouse over HTTP", () => {
  let clickhouse: ClickHouseServer;
  let server: ServerProcess;
  let data: string;
  beforeAll(async () => {
    clickhouse = await startClickHouse();
    data = await mkdtemp(join(tmpdir(), "headrace-on-ch-"));
    server = await start();
  });
  afterAll(async () => {
    await server.stop("SIGTERM");
    await clickhouse.remove();
    await rm(data, { recursive: true, force: true });
  });

  const env = () => ({ HEADRACE_STORE_URL: clickhouse.url() });
  const start = () => startServerProcess({ project: PROJECT, data, env: env() });
  const get = async (path: string) =>
    (await fetch(`${server.url}${path}`)).json() as Promise<Record<string, unknown>>;
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const send = (events: readonly object[]) => post("/v1/streams/flights/events?wait=stored", events);
  const command = (...args: readonly string[]) =>
    spawnSync(HEADRACE, [...args, "--project", PROJECT, "--json"], {
      encoding: "utf8",
      env: { ...process.env, ...env(), NO_COLOR: "1" },
    });

  test("takes events, drops duplicates, answers endpoints and SQL from outside, and refuses what that may not do", async () => {
    const events = [flight("a"), flight("b", { origin: "LAX", delay: -5 }), flight("a", { delay: 999 })];
    expect(await send(events)).toMatchObject({ accepted: 3, stored: 2, duplicates: 1 });
    expect(await get("/v1/endpoints/delays_by_origin?from=2024-01-01")).toMatchObject({
      data: [
        { origin: "JFK", flights: 1, mean_delay: 10 },
        { origin: "LAX", flights: 1, mean_delay: -5 },
      ],
      meta: [
        { name: "origin" },
        { name: "flights", type: "UInt64" },
        { name: "mean_delay", type: "Float64" },
      ],
    });
    const sql = "SELECT origin, delay FROM flights WHERE delay >= {least:Int32}";
    expect(await post("/v1/sql", { sql, params: { least: 5 } })).toMatchObject({
      data: [{ origin: "JFK", delay: 10 }],
    });
    for (const hostile of [
      "SELECT * FROM headrace_test._rejected",
      "SELECT * FROM system.processes",
      "SELECT file('/etc/passwd')",
      "SELECT 1 SETTINGS readonly = 0",
      "INSERT INTO flights SELECT * FROM flights",
    ]) {
      expect((await post("/v1/sql", { sql: hostile }))["code"]).toMatch(/^(?:sql_refused|unknown_stream)$/);
    }
    const arrow = await fetch(`${server.url}/v1/endpoints/delays_by_origin?format=parquet`);
    expect(
      Buffer.from(await arrow.arrayBuffer())
        .subarray(0, 4)
        .toString(),
    ).toBe("PAR1");
  });

  test("erases rows with their ids", async () => {
    await send([flight("c", { origin: "SFO" })]);
    const where = encodeURIComponent("origin = 'SFO'");
    const erased = await fetch(`${server.url}/v1/streams/flights/events?where=${where}`, {
      method: "DELETE",
    });
    expect(await erased.json()).toMatchObject({ deleted: 1 });
    expect(await send([flight("c", { origin: "SFO" })])).toMatchObject({ stored: 1, duplicates: 0 });
  });

  test("goes on taking events while ClickHouse is away, says so in /readyz, and loads them when it is back", async () => {
    expect(await get("/readyz")).toMatchObject({ ready: true });
    await clickhouse.kill();
    expect(await post("/v1/streams/flights/events", [flight("late-1"), flight("late-2")])).toMatchObject({
      accepted: 2,
    });
    await until(async () => (await fetch(`${server.url}/readyz`)).status === 503);
    const { store } = await get("/readyz");
    expect(store).toMatchObject({ ready: false, reason: expect.stringContaining("can't be reached") });
    await clickhouse.start();
    await until(async () => (await get("/v1/streams/flights"))["events"] === 5, { timeout: 25_000 });
    await until(async () => (await fetch(`${server.url}/readyz`)).status === 200);
    expect(server.output()).not.toContain(CLICKHOUSE_PASSWORD);
    expect(server.output()).not.toContain(encodeURIComponent(CLICKHOUSE_PASSWORD));
  });

  test("makes a table anew from its log", { timeout: 60_000 }, async () => {
    await server.stop("SIGTERM");
    const { stdout, stderr, status } = command("rebuild", "flights", "--data", data);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    // Both of the id that was erased between them are in the log; the first one counts.
    expect((JSON.parse(stdout) as { from_log: number }).from_log).toBeGreaterThanOrEqual(5);
    server = await start();
    expect(await send([flight("late-1")])).toMatchObject({ stored: 0, duplicates: 1 });
  });

  test("is checked without the server", { timeout: 60_000 }, () => {
    expect(command("check")).toMatchObject({ status: 0, stderr: "" });
  });
});
