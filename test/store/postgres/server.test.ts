import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  PASSWORD_OF_TESTS,
  postgresMissing,
  startPostgres,
  type PostgresServer,
} from "../../support/postgres-server.ts";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";

const PROJECT = join(import.meta.dirname, "flights-project");
const HEADRACE = join(import.meta.dirname, "../../../bin/headrace");

const flight = (id: string, more: object = {}): object => ({
  flight_id: id,
  date: "2024-03-05T06:07:08.009+01:00",
  delay: 10,
  origin: "JFK",
  ...more,
});

const where = (condition: string) => `where=${encodeURIComponent(condition)}`;

describe.skipIf(postgresMissing() !== undefined)("a server whose store is PostgreSQL", () => {
  let postgres: PostgresServer;
  let server: ServerProcess;
  let data: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    await postgres.run("CREATE ROLE analyst LOGIN PASSWORD 'reads'");
    data = await mkdtemp(join(tmpdir(), "headrace-on-pg-"));
    server = await start();
  });
  afterAll(async () => {
    await server.stop("SIGTERM");
    await postgres.remove();
    await rm(data, { recursive: true, force: true });
  });

  const env = () => ({ HEADRACE_STORE_URL: postgres.url("sql_user=analyst&sql_password=reads") });
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
  const erase = (query: string) =>
    fetch(`${server.url}/v1/streams/flights/events?${query}`, { method: "DELETE" }).then((one) => one.json());
  const send = (events: readonly object[]) => post("/v1/streams/flights/events?wait=stored", events);
  const command = (args: readonly string[], more: Record<string, string> = {}) =>
    spawnSync(HEADRACE, [...args, "--project", PROJECT], {
      encoding: "utf8",
      env: { ...process.env, ...env(), ...more, NO_COLOR: "1" },
    });

  test("takes events, drops duplicates, keeps what the store refuses with its reason, and answers endpoints from its cache", async () => {
    const events = [
      flight("a"),
      flight("b", { origin: "LAX", delay: -5, passengers: "18446744073709551615" }),
      flight("a", { delay: 999 }),
      flight("c", { tags: ["nul \u0000"] }),
    ];
    expect(await send(events)).toMatchObject({ accepted: 4, stored: 2, duplicates: 1 });
    const path = "/v1/endpoints/delays_by_origin?origin=JFK&origin=LAX&from=2024-01-01T00:00:00Z";
    const answer = await get(path);
    expect(answer["data"]).toEqual([
      { origin: "JFK", flights: 1, mean_delay: 10, latest: "2024-03-05T05:07:08.009Z", passengers: null },
      {
        origin: "LAX",
        flights: 1,
        mean_delay: -5,
        latest: "2024-03-05T05:07:08.009Z",
        passengers: "18446744073709551615",
      },
    ]);
    expect(answer["meta"]).toContainEqual({ name: "mean_delay", type: "double precision" });
    const etag = (await fetch(`${server.url}${path}`)).headers.get("etag") ?? "";
    expect((await fetch(`${server.url}${path}`, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect(await get("/v1/streams/flights/rejected")).toMatchObject({
      data: [
        {
          event: flight("c", { tags: ["nul \u0000"] }),
          reasons: [{ code: "store_refused", message: expect.stringContaining("U+0000") }],
          refused_by: "store",
        },
      ],
    });
    expect(await get("/v1/streams/flights")).toMatchObject({ events: 2, rejected: 1 });
  });

  test("replays, erases and resets", async () => {
    await post("/v1/streams/flights/events", [{ flight_id: "bad" }]);
    await until(async () => (await get("/v1/streams/flights"))["rejected"] === 2);
    const replay = await post("/v1/streams/flights/rejected/replay", { code: "store_refused" });
    expect(replay).toMatchObject({ replayed: 0, still_rejected: 1 });
    await send([flight("d", { origin: "SFO" })]);
    expect(await erase(where("now() > date"))).toMatchObject({ code: "condition_invalid" });
    expect(await erase(where("true) OR (true"))).toMatchObject({ code: "condition_invalid" });
    expect(
      await erase(where("origin = 'SFO' AND date >= '2024-01-01' AND delay + 1 BETWEEN 5 AND 20")),
    ).toMatchObject({
      deleted: 1,
      rejected_deleted: 0,
    });
    // A rejected event is found by its fields too, whatever it was rejected for.
    await send([flight("nul", { origin: "ZRH", tags: ["\u0000"] })]);
    expect(await erase(where("origin = 'ZRH'"))).toMatchObject({ deleted: 0, rejected_deleted: 1 });
    // Its id went with it.
    expect(await send([flight("d", { origin: "SFO" })])).toMatchObject({ stored: 1 });
    expect(await post("/v1/streams/flights/reset", { confirm: "flights" })).toMatchObject({ deleted: 3 });
    expect(await send([flight("a")])).toMatchObject({ stored: 1, duplicates: 0 });
  });

  test("answers SQL from outside as its own role, with parameters, and tells what there is", async () => {
    const sql = "SELECT origin, current_user::text AS who FROM flights WHERE delay >= {least:integer}";
    expect(await post("/v1/sql", { sql, params: { least: 5 } })).toMatchObject({
      data: [{ origin: "JFK", who: "analyst" }],
    });
    expect(await post("/v1/sql", { sql: "SHOW TABLES" })).toMatchObject({
      data: [{ name: "flights", description: "One row per departure" }],
    });
    expect((await post("/v1/sql", { sql: "DESCRIBE flights" }))["data"]).toContainEqual({
      name: "passengers",
      type: "numeric(20,0)",
    });
    expect(await post("/v1/sql", { sql: "SELECT * FROM _rejected" })).toMatchObject({ code: "sql_refused" });
  });

  test("goes on taking events while the database is away, says so in /readyz, and loads them when it is back", async () => {
    expect(await get("/readyz")).toMatchObject({ ready: true });
    await postgres.kill();
    expect(await post("/v1/streams/flights/events", [flight("late-1"), flight("late-2")])).toMatchObject({
      accepted: 2,
    });
    await until(async () => (await fetch(`${server.url}/readyz`)).status === 503);
    const { store } = await get("/readyz");
    expect(store).toMatchObject({ ready: false, reason: expect.stringContaining("can't be reached") });
    await postgres.start();
    await until(async () => (await get("/v1/streams/flights"))["events"] === 3, { timeout: 25_000 });
    await until(async () => (await fetch(`${server.url}/readyz`)).status === 200);
    expect(server.output()).not.toContain(PASSWORD_OF_TESTS);
    expect(server.output()).not.toContain(encodeURIComponent(PASSWORD_OF_TESTS));
  });

  test("makes a table anew from its log", async () => {
    await server.stop("SIGTERM");
    const { stdout, stderr, status } = command(["rebuild", "flights", "--data", data, "--json"]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ from_log: 3 });
    server = await start();
    expect(await get("/v1/streams/flights")).toMatchObject({ events: 3 });
    expect(await send([flight("late-1")])).toMatchObject({ stored: 0, duplicates: 1 });
    expect(await get("/v1/endpoints/delays_by_origin")).toMatchObject({
      data: [{ origin: "JFK", flights: 3 }],
    });
  });

  test("headrace check verifies against it, and says plainly when the SQL is ClickHouse's", async () => {
    const good = command(["check", "--json"]);
    expect({ status: good.status, stderr: good.stderr }).toEqual({ status: 0, stderr: "" });
    const { stdout, status } = command(["check", "--json"], { TEST_WITH_CLICKHOUSE_SQL: "1" });
    expect(status).toBe(1);
    const { endpoints } = JSON.parse(stdout) as { endpoints: { name: string; problems: string[] }[] };
    expect(endpoints.find(({ name }) => name === "of_clickhouse")?.problems[0]).toMatch(
      /^This is ClickHouse's SQL, and the store is PostgreSQL: countIf\(…\) is count\(\*\) FILTER \(WHERE …\) \(line 2, column 5\)\./,
    );
    expect(
      await postgres.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'headrace_check%'"),
    ).toEqual([]);
  });
});
