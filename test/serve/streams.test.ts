import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HeadraceError } from "../../src/errors.ts";
import type { LoadStatus } from "../../src/load/load.ts";
import type { PartitionStatus } from "../../src/log/log.ts";
import { COUNT_AGE_MAX } from "../../src/serve/streams/stream-counts.ts";
import { registerStreams } from "../../src/serve/streams/register-streams.ts";
import { flights, serveProject } from "./served-project.ts";
import type { ServedProject } from "./served-project.ts";
import { insertRejected } from "./insert-rejected.ts";

async function none(): Promise<never> {
  throw new Error("nothing is rebuilt here");
}

describe("streams over HTTP", () => {
  let served: ServedProject;
  let now = 0;
  let load: LoadStatus;
  const get = (path: string) => fetch(`${served.url}/v1/streams${path}`);
  const json = async (path: string) => (await (await get(path)).json()) as Record<string, unknown>;

  const rebuilds = { plan: none, begin: none, cancel: none, status: () => undefined };

  beforeAll(async () => {
    load = { state: "running", lagEvents: 0, lagAge: 0, loaded: { log: "a", offset: 0 } };
    served = await serveProject([], {
      register: ({ server, project, store, version }) => {
        registerStreams(server.app, {
          streams: project.streams,
          store,
          loader: { version, status: () => load, rebuilds },
          log: { capabilities: { replay: true, ordered: true, partitions: 2 }, status: partitionStatus },
          freshness: (stream) => (stream === "flights" ? { p50: 300, p99: 900, batches: 4 } : undefined),
          clock: () => now,
        });
      },
    });
    await served.insert({});
  });
  afterAll(() => served.close());

  it("describe themselves: columns, counts, lag, freshness, id, table and log", async () => {
    load = { ...load, state: "retrying", lagEvents: 12, lagAge: 340, reason: "the store is slow" };
    const stream = await json("/flights");
    expect(stream).toMatchObject({
      name: "flights",
      description: "One row per departure",
      events: 1,
      rejected: 0,
      lag: { events: 12, age_ms: 340, state: "retrying", reason: "the store is slow" },
      freshness: { promise_ms: 1000, measured: { p50_ms: 300, p99_ms: 900, batches: 4 } },
      id: { field: "flight_id", window_ms: 86_400_000 },
      table: { order_by: ["origin", "date"], partition_by: { unit: "month", column: "date" }, ttl: null },
      log: { bytes: 20, segments: 2, keys: 6, writable: false },
    });
    const columns = stream["columns"] as readonly Record<string, unknown>[];
    expect(columns.map((column) => column["name"])).toEqual(flights.schema.columns.map(({ name }) => name));
    expect(columns[0]).toEqual({
      name: "flight_id",
      type: "String",
      nullable: false,
      schema: { type: "string" },
    });
    expect(columns[3]).toEqual({
      name: "distance",
      type: "Nullable(Int32)",
      nullable: true,
      schema: {
        type: ["integer", "null"],
        description: "Miles",
        minimum: -2147483648,
        maximum: 2147483647,
      },
    });
    expect(columns[1]?.["type"]).toMatch(/^DateTime64\(3/);
  });

  it("are listed all", async () => {
    const { streams } = (await json("")) as { streams: readonly Record<string, unknown>[] };
    expect(streams.map((stream) => stream["name"])).toEqual(["flights", "visits"]);
    expect(streams[1]).toMatchObject({
      id: null,
      freshness: { measured: null },
      table: { partition_by: null, ttl: { count: 2, unit: "year", column: "at" } },
    });
  });

  it("count at once what was loaded", async () => {
    const before = Number((await json("/flights"))["events"]);
    await served.insert({});
    expect((await json("/flights"))["events"]).toBe(before + 1);
  });

  it("count rejected events, and list them newest first by cursor", async () => {
    await insertRejected(served.store, "flights", [`{"delay":"a"}`, `{"delay":"b"}`, `{"delay":"c"}`]);
    now += COUNT_AGE_MAX;
    expect((await json("/flights"))["rejected"]).toBe(3);
    const first = await json("/flights/rejected?limit=2");
    expect(first["data"]).toHaveLength(2);
    const second = await json(`/flights/rejected?limit=2&cursor=${String(first["next"])}`);
    expect(second["data"]).toHaveLength(1);
    expect(second["next"]).toBeNull();
    expect(await json("/flights/rejected?code=no_such_code")).toEqual({ data: [], next: null });
    expect(await json("/visits/rejected")).toEqual({ data: [], next: null });
  });

  it("list a rejected event letter by letter, and one too deep for readers of JSON as text", async () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    await insertRejected(served.store, "visits", [`{"page":9007199254740993,"page":1e400}`, deep]);
    const response = await get("/visits/rejected");
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    const text = await response.text();
    expect(text).toContain(`"event":{"page":9007199254740993,"page":1e400}`);
    expect(text).toContain(`"event":"${deep}"`);
  });

  it.each(["limit=0", "limit=x", "limit=1001", "cursor=nonsense", "limit=1&limit=2", "page=2"])(
    "refuse a bad parameter of the list: %s",
    async (query) => {
      const response = await get(`/flights/rejected?${query}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "bad_parameter", parameter: query.split("=")[0] });
    },
  );

  it.each(["/flight", "/flight/rejected"])("404 names the nearest: %s", async (path) => {
    const response = await get(path);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "unknown_stream", nearest: "flights" });
  });

  it("give a problem when the store can't answer, and recover", async () => {
    const query = served.store.query.bind(served.store);
    served.store.query = () => Promise.reject(new HeadraceError("store_failed", "out of order"));
    served.bump(flights);
    expect((await get("/flights")).status).toBe(503);
    served.store.query = query;
    expect((await get("/flights")).status).toBe(200);
  });
});

function partitionStatus(_stream: string, partition: number): PartitionStatus {
  return {
    first: { log: "a", offset: 0 },
    end: { log: "a", offset: 5 },
    bytes: 10,
    segments: 1,
    keys: 3,
    keyWindow: 1000,
    writable: partition === 0,
  };
}
