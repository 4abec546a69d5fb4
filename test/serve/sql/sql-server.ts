import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { z } from "zod";
import { createServer } from "../../../src/http/server.ts";
import type { Stream } from "../../../src/project/declarations.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import { registerSql, type ServeSqlDeps } from "../../../src/serve/sql/register-sql.ts";
import { Turns } from "../../../src/serve/sql/turns.ts";
import type { Store } from "../../../src/store/store.ts";
import { GIB, MIB, SECOND } from "../../../src/units.ts";
import { openTestStore } from "../../support/test-store.ts";

export const flights = defineStream("flights", {
  description: "One row per departure",
  schema: z.object({
    flight_id: z.string(),
    date: z.iso.datetime({ offset: true }),
    delay: z.int32(),
    origin: z.string().length(3),
    tags: z.array(z.string()).default([]),
    extra: z.record(z.string(), z.int32()).default({}),
    payload: z.json().default({}),
    user: z.string().optional(),
  }),
  table: { orderBy: ["origin", "date"] },
});

export const airports = defineStream("airports", {
  description: "Where the airports are",
  schema: z.object({ code: z.string().length(3), city: z.string(), since: z.iso.datetime({ offset: true }) }),
  table: { orderBy: ["code"] },
});

/** Its table is there, but it isn't declared any more. */
export const removed = defineStream("removed", {
  schema: z.object({ secret: z.string() }),
  table: { orderBy: ["secret"] },
});

/** Nobody may see it through SQL. */
export const REMOVED_SECRET = "removed-stream-secret";

const FLIGHTS = [
  [
    "f1",
    "2001-01-01T06:00:00.000Z",
    10,
    "ATL",
    ["late", "full"],
    { seats: 100 },
    { gate: { n: 7 }, _id: "a" },
  ],
  ["f2", "2001-01-01T07:00:00.000Z", -5, "ATL", [], { seats: 50 }, { gate: { n: 8 } }],
  ["f3", "2001-01-02T08:00:00.000Z", 30, "BOS", ["late"], { seats: 70 }, {}],
  ["f4", "2001-01-03T09:00:00.000Z", 0, "BOS", ["full"], {}, { list: [1, 2, 3] }],
  ["f5", "2001-01-05T10:00:00.000Z", 45, "JFK", ["late", "storm"], { seats: 200 }, {}],
] as const;

export interface SqlServer {
  readonly url: string;
  readonly store: Store;
  ask(sql: string, body?: object, query?: string): Promise<SqlAnswer>;
  /** Rows of the tables, to see that nothing changed. */
  rows(): Promise<string>;
  close(): Promise<void>;
}

export interface SqlAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: {
    readonly data?: readonly Readonly<Record<string, unknown>>[];
    readonly code?: string;
    readonly detail?: string;
    readonly rows?: number;
    readonly meta?: unknown;
    readonly [name: string]: unknown;
  };
}

/** A server with `POST /v1/sql` over a real store with a few rows. */
export async function startSqlServer(
  options: Partial<ServeSqlDeps> & { readonly queriesMax?: number } = {},
): Promise<SqlServer> {
  const { store } = await openTestStore([flights, airports, removed]);
  await insert(
    store,
    flights,
    FLIGHTS.map(([flight_id, date, delay, origin, tags, extra, payload]) => {
      return { flight_id, date, delay, origin, tags, extra, payload: JSON.stringify(payload), user: null };
    }),
  );
  await insert(store, airports, [
    { code: "ATL", city: "Atlanta", since: "2000-01-01T00:00:00.000Z" },
    { code: "BOS", city: "Boston", since: "2001-01-03T00:00:00.000Z" },
  ]);
  await insert(store, removed, [{ secret: REMOVED_SECRET }]);
  const server = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { idleGrace: 0 },
  });
  registerSql(server.app, {
    streams: [flights, airports],
    store,
    limits: { time: 10 * SECOND, memory: GIB, rows: 100_000, bytes: 64 * MIB },
    turns: new Turns(options.queriesMax ?? 2),
    ...options,
  });
  const url = await server.listen();
  return {
    url,
    store,
    ask: (sql, body = {}, query = "") => ask(url, sql, body, query),
    rows: () => countRows(store),
    close: async () => {
      await server.close();
      await store.close();
    },
  };
}

async function ask(url: string, sql: string, body: object, query: string): Promise<SqlAnswer> {
  const response = await fetch(`${url}/v1/sql${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sql, ...body }),
  });
  const text = await response.text();
  const isJson = /json(?:;|$)/.test(response.headers.get("content-type") ?? "") && !query.includes("ndjson");
  const json = (isJson ? JSON.parse(text) : {}) as SqlAnswer["json"];
  return { status: response.status, headers: response.headers, text, json };
}

async function insert(store: Store, stream: Stream, rows: readonly object[]): Promise<void> {
  await store.insert(stream.name, {
    log: "log",
    partition: 0,
    schema: stream.schema,
    lines: rows.map((row) => Buffer.from(`${JSON.stringify(row)}\n`)),
    count: rows.length,
    offsets: Float64Array.from(rows.keys()),
    acceptedAt: Float64Array.from(rows, () => Date.UTC(2026, 0, 1)),
  });
}

async function countRows(store: Store): Promise<string> {
  const counts = [flights, airports, removed].map(({ name }) => `(SELECT count() FROM ${name}) AS ${name}`);
  const tables =
    "(SELECT arraySort(groupArray(name)) FROM system.tables WHERE database = 'headrace') AS tables";
  const { chunks } = await store.query({
    sql: { text: `SELECT ${counts.join(", ")}, ${tables}`, params: {} },
    format: "ndjson",
    limits: { time: 10 * SECOND, memory: GIB, rows: 10, bytes: MIB },
  });
  let text = "";
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return text;
}

/** A folder that is removed after the tests. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "headrace-sql-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
