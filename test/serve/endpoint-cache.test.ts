import { array, assert, asyncProperty, constant, constantFrom, oneof, record } from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { sql } from "../../src/project/sql.ts";
import type { Store, StoreQuery } from "../../src/store/store.ts";
import { DAY, MINUTE } from "../../src/units.ts";
import { until } from "../support/until.ts";
import { delays, flights, serveProject, visits } from "./served-project.ts";
import type { ServedProject } from "./served-project.ts";

const total = defineEndpoint("total", {
  params: z.object({ origin: z.string().optional() }),
  query: ({ origin }) =>
    sql`SELECT count() AS n, max(flight_id) AS last FROM ${flights} ${origin ? sql`WHERE origin = ${origin}` : sql``}`,
});

const clocked = defineEndpoint("clocked", {
  query: () => sql`SELECT now64(9) AS at, count() AS n FROM ${flights}`,
});

/** Reads a stream that `sql` isn't told of. */
const plainText = defineEndpoint("plain_text", { query: () => sql`SELECT count() AS n FROM flights` });

const pages = defineEndpoint("pages", { query: () => sql`SELECT count() AS n FROM ${visits}` });

const both = defineEndpoint("both", {
  query: () =>
    sql`SELECT (SELECT count() FROM ${flights}) AS flights, (SELECT count() FROM ${visits}) AS visits`,
});

const slow = defineEndpoint("slow", {
  params: z.object({ n: z.int().default(0) }),
  query: ({ n }) => sql`
    SELECT ${n} AS n, (SELECT count() FROM ${flights}) AS flights, sum(sipHash64(number) % 10) AS work
    FROM numbers(20000000)`,
});

const large = defineEndpoint("large", {
  limits: { rows: 10_000_000, time: 60_000 },
  query: () =>
    sql`SELECT number, repeat('x', 100) AS text, (SELECT count() FROM ${flights}) AS n FROM numbers(200000)`,
});

const typed = defineEndpoint("typed", {
  params: z.object({ unit: z.enum(["hour", "month"]) }),
  query: ({ unit }) => sql`SELECT dateTrunc(${unit}, date) AS at FROM ${flights} LIMIT 1`,
});

const CACHE_BYTES = 100_000;

interface Body {
  readonly data: readonly Record<string, unknown>[];
  readonly meta: readonly { readonly name: string; readonly type: string }[];
}

describe("the cache that is never stale", () => {
  let served: ServedProject;
  let queries: StoreQuery[];
  const get = (path: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${served.url}/v1/endpoints/${path}`, { headers, ...(signal ? { signal } : {}) });
  const firstRow = async (path: string) => ((await (await get(path)).json()) as Body).data[0] ?? {};

  beforeAll(async () => {
    served = await serveProject([delays, total, clocked, plainText, pages, both, slow, large, typed], {
      cacheBytes: CACHE_BYTES,
    });
    queries = watchQueries(served.store);
    await served.insert({});
    // The engine is asked about its functions once.
    await get("total");
    queries.length = 0;
  });
  afterAll(() => served.close());
  afterEach(() => {
    served.setClock(undefined);
    queries.length = 0;
  });

  it("runs a query once for any number of the same requests, however they are written", async () => {
    const first = await (await get("delays_by_origin?origin=JFK&limit=5")).text();
    expect(await (await get("delays_by_origin?limit=5&origin=JFK")).text()).toBe(first);
    expect(await (await get("delays_by_origin?limit=05&origin=JFK")).text()).toBe(first);
    const posted = await fetch(`${served.url}/v1/endpoints/delays_by_origin`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"origin":"JFK","limit":5}',
    });
    expect(await posted.text()).toBe(first);
    expect(queries).toHaveLength(1);
    await (await get("delays_by_origin?origin=JFK&limit=5&format=csv")).text();
    await (await get("delays_by_origin?origin=JFK&limit=6")).text();
    expect(queries).toHaveLength(3);
  });

  it("runs it again once a stream of it has something new, and not for another stream", async () => {
    await firstRow("total");
    served.bump(visits);
    queries.length = 0;
    await firstRow("total");
    expect(queries).toHaveLength(0);
    const before = (await firstRow("both"))["flights"];
    await served.insert({});
    expect((await firstRow("both"))["flights"]).toBe(Number(before) + 1);
    served.bump(visits);
    queries.length = 0;
    await firstRow("both");
    expect(queries).toHaveLength(1);
  });

  it("notices new rows of a stream that only the SQL's text names", async () => {
    const before = Number((await firstRow("plain_text"))["n"]);
    await served.insert({});
    expect((await firstRow("plain_text"))["n"]).toBe(before + 1);
  });

  it("never keeps what depends on the clock", async () => {
    const first = (await firstRow("clocked"))["at"];
    expect((await firstRow("clocked"))["at"]).not.toBe(first);
  });

  it("keeps an answer over a stream with a ttl for a minute, and any other for the day", async () => {
    const noon = Math.floor(Date.now() / DAY) * DAY + DAY / 2;
    served.setClock(noon);
    await firstRow("pages");
    await firstRow("total");
    queries.length = 0;
    served.setClock(noon + MINUTE - 1);
    await firstRow("pages");
    expect(queries).toHaveLength(0);
    served.setClock(noon + MINUTE);
    await firstRow("pages");
    expect(queries).toHaveLength(1);
    await firstRow("total");
    expect(queries).toHaveLength(1);
    served.setClock(noon + DAY / 2);
    await firstRow("total");
    expect(queries).toHaveLength(2);
  });

  it("doesn't keep an answer whose streams changed while it was made", async () => {
    const before = served.served.cacheBytes();
    const pending = firstRow("slow?n=1");
    await until(() => queries.length === 1);
    served.bump(flights);
    await pending;
    expect(served.served.cacheBytes()).toBe(before);
    await firstRow("slow?n=1");
    expect(queries).toHaveLength(2);
  });

  const typeOf = async (unit: string) =>
    ((await (await get(`typed?unit=${unit}`)).json()) as Body).meta[0]?.type;

  it("gives the types of this very answer when a parameter decides them", async () => {
    expect(await typeOf("hour")).toMatch(/^DateTime/);
    expect(await typeOf("month")).toMatch(/^Date(32)?$/);
    expect(await typeOf("hour")).toMatch(/^DateTime/);
  });

  it("answers 304 without running anything while nothing is new, also for what it didn't keep", async () => {
    for (const path of ["total", "large?format=ndjson"]) {
      const response = await get(path);
      const etag = response.headers.get("etag") ?? "";
      expect(etag).toMatch(/^W\/"[\w-]+"$/);
      await response.body?.cancel();
      queries.length = 0;
      const unchanged = await get(path, { "if-none-match": etag });
      expect(unchanged.status).toBe(304);
      expect(await unchanged.text()).toBe("");
      expect(unchanged.headers.get("etag")).toBe(etag);
      expect(unchanged.headers.get("cache-control")).toBe("private, no-cache");
      expect(queries).toHaveLength(0);
      await served.insert({});
      const changed = await get(path, { "if-none-match": etag });
      expect(changed.status).toBe(200);
      expect(changed.headers.get("etag")).not.toBe(etag);
      await changed.body?.cancel();
    }
  });

  it("gives what it can't keep a tag of its content", async () => {
    const etags = [await get("clocked"), await get("clocked")].map((one) => one.headers.get("etag"));
    expect(etags[0]).toMatch(/^W\//);
    expect(etags[0]).not.toBe(etags[1]);
  });

  it("runs identical concurrent requests once", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async () => (await get("slow?n=2")).text()));
    expect(new Set(answers).size).toBe(1);
    expect(queries).toHaveLength(1);
    const seen = served.answered.filter((one) => one.endpoint === "slow").map((one) => one.cache);
    expect(seen.filter((one) => one === "shared").length).toBeGreaterThanOrEqual(7);
  });

  it("doesn't join a run that began before something new was stored", async () => {
    const before = firstRow("slow?n=3");
    await until(() => queries.length === 1);
    await served.insert({});
    const after = firstRow("slow?n=3");
    await until(() => queries.length === 2);
    const [old, fresh] = [await before, await after];
    expect(Number(fresh["flights"])).toBeGreaterThanOrEqual(Number(old["flights"]));
    expect((await firstRow("slow?n=3"))["flights"]).toBe(fresh["flights"]);
  });

  it("goes on for the others when one client leaves, and stops the query when the last one does", async () => {
    const leaver = new AbortController();
    const [stays, leaves] = [get("slow?n=4"), get("slow?n=4", {}, leaver.signal)];
    await until(() => queries.length === 1);
    leaver.abort();
    await expect(leaves).rejects.toThrow(/abort/);
    expect((await stays).status).toBe(200);
    expect(queries).toHaveLength(1);

    const alone = new AbortController();
    const gone = get("slow?n=5", {}, alone.signal);
    await until(() => queries.length === 2);
    alone.abort();
    await expect(gone).rejects.toThrow(/abort/);
    await until(() => queries[1]?.signal?.aborted === true);
  });

  it("gives each of several clients the whole of an answer that is too large to share", async () => {
    const texts = await Promise.all(
      Array.from({ length: 3 }, async () => (await get("large?format=ndjson")).text()),
    );
    expect(texts.map((text) => text.length)).toEqual([texts[0]?.length, texts[0]?.length, texts[0]?.length]);
    expect(texts[0]?.split("\n").length).toBe(200_001);
  });

  it("holds no more than its size", async () => {
    for (let limit = 1; limit <= 150; limit++) await (await get(`delays_by_origin?limit=${limit}`)).text();
    expect(served.served.cacheBytes()).toBeGreaterThan(CACHE_BYTES / 2);
    expect(served.served.cacheBytes()).toBeLessThanOrEqual(CACHE_BYTES);
  });

  it("shows every row that was stored before the request, whatever happens at the same time", async () => {
    const step = oneof(
      { weight: 2, arbitrary: record({ kind: constant("insert" as const) }) },
      {
        weight: 5,
        arbitrary: record({
          kind: constant("ask" as const),
          path: constantFrom("total", "total?format=json", "total?origin=JFK", "plain_text", "both"),
        }),
      },
    );
    let stored = Number((await firstRow("total"))["n"]);
    // How many rows an answer lacks that were stored before it was asked for.
    const lacking = async (path: string, least: number) => {
      const row = await firstRow(path);
      return Math.max(0, least - Number(row["n"] ?? row["flights"]));
    };
    await assert(
      asyncProperty(array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const asked: Promise<number>[] = [];
        for (const one of steps) {
          if (one.kind === "insert") {
            await served.insert({});
            stored++;
          } else {
            asked.push(lacking(one.path, stored));
          }
        }
        const counts = await Promise.all(asked);
        expect(counts).toEqual(counts.map(() => 0));
      }),
      { numRuns: 15 },
    );
  });
});

/** Notes every query of endpoints that reaches the store. */
function watchQueries(store: Store): StoreQuery[] {
  const seen: StoreQuery[] = [];
  const query = store.query.bind(store);
  store.query = (one) => {
    if (!one.sql.text.includes("system.functions")) seen.push(one);
    return query(one);
  };
  return seen;
}
