import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { z } from "zod";
import { createServer } from "../../src/http/server.ts";
import type { HttpServer } from "../../src/http/server.ts";
import type { Endpoint, Project, Stream } from "../../src/project/declarations.ts";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { defineProject } from "../../src/project/define-project.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { sql } from "../../src/project/sql.ts";
import { registerEndpoints } from "../../src/serve/register-endpoints.ts";
import type { EndpointAnswered, ServedEndpoints } from "../../src/serve/register-endpoints.ts";
import type { Store } from "../../src/store/store.ts";
import { TextColumn } from "../../src/store/text-column.ts";
import { openTestStore } from "./test-store.ts";

/** A stream with the types that answers have to get right. */
export const flights = defineStream("flights", {
  description: "One row per departure",
  schema: z.object({
    flight_id: z.string(),
    date: z.iso.datetime({ offset: true }),
    delay: z.int32(),
    distance: z.int32().optional().meta({ description: "Miles" }),
    origin: z.string().length(3),
    big: z.int64().default(0n),
    note: z.string().optional(),
  }),
  id: "flight_id",
  table: { orderBy: ["origin", "date"], partitionBy: "month(date)" },
});

/** A second stream, with rows that pass away. */
export const visits = defineStream("visits", {
  schema: z.object({ at: z.iso.datetime(), page: z.string() }),
  table: { orderBy: ["page", "at"], ttl: { after: "2 years", column: "at" } },
});

export const delays = defineEndpoint("delays_by_origin", {
  description: "Flights and mean delay of each origin airport",
  params: z.object({
    from: z.iso.date().optional(),
    origin: z.string().optional(),
    limit: z.int().min(1).max(1000).default(50),
  }),
  query: ({ from, origin, limit }) => sql`
    SELECT origin, count() AS flights, avg(delay) AS mean_delay
    FROM ${flights}
    WHERE 1 ${from ? sql`AND date >= ${from}` : sql``} ${origin ? sql`AND origin = ${origin}` : sql``}
    GROUP BY origin ORDER BY flights DESC, origin LIMIT ${limit}`,
});

/** All rows as they are. */
export const rows = defineEndpoint("rows", {
  query: () => sql`SELECT flight_id, date, delay, distance, big, note FROM ${flights} ORDER BY flight_id`,
});

export interface ServedProject {
  readonly url: string;
  readonly store: Store;
  readonly project: Project;
  readonly server: HttpServer;
  readonly served: ServedEndpoints;
  readonly answered: EndpointAnswered[];
  /** Says that a stream has new rows, as the loader does. */
  bump(stream: Stream): void;
  readonly version: (stream: string) => number;
  /** Inserts one flight and bumps the version. */
  insert(flight: Partial<Flight>): Promise<void>;
  /** Sets the clock that answers' ages are measured by. */
  setClock(now: number | undefined): void;
  close(): Promise<void>;
}

export interface Flight {
  readonly flight_id: string;
  readonly date: string;
  readonly delay: number;
  readonly distance: number | null;
  readonly origin: string;
  readonly big: string;
  readonly note: string | null;
}

/** A server with the endpoint routes over a real store. */
export async function serveProject(
  endpoints: readonly Endpoint[],
  options: {
    readonly cacheBytes?: number;
    readonly stalledClientMax?: number;
    readonly register?: (served: ServedProject) => void;
  } = {},
): Promise<ServedProject> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-serve-"));
  const project = defineProject({ name: "airport", streams: [flights, visits], endpoints: [...endpoints] });
  const store = await openTestStore(folder, project);
  const server = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { idleGrace: 0 },
  });
  const versions = new Map<string, number>();
  const answered: EndpointAnswered[] = [];
  let now: number | undefined;
  let offset = 0;
  const served = registerEndpoints(server.app, {
    endpoints: project.endpoints,
    streams: project.streams,
    store,
    versions: (stream) => versions.get(stream) ?? 0,
    clock: () => now ?? Date.now(),
    observer: { answered: (one) => void answered.push(one) },
    ...(options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes }),
    ...(options.stalledClientMax === undefined ? {} : { stalledClientMax: options.stalledClientMax }),
  });
  const bump = (stream: Stream) => void versions.set(stream.name, (versions.get(stream.name) ?? 0) + 1);
  const result: ServedProject = {
    url: "",
    store,
    project,
    server,
    served,
    answered,
    bump,
    version: (stream) => versions.get(stream) ?? 0,
    setClock: (time) => (now = time),
    async insert(flight) {
      const line = { ...flightDefaults(offset), ...flight };
      await store.insert("flights", {
        log: "log",
        partition: 0,
        schema: flights.schema,
        lines: [Buffer.from(`${JSON.stringify(line)}\n`)],
        count: 1,
        offsets: Float64Array.of(offset),
        acceptedAt: Float64Array.of(Date.now()),
        ids: TextColumn.of([line.flight_id]),
      });
      offset++;
      bump(flights);
    },
    async close() {
      await server.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  options.register?.(result);
  return { ...result, url: await server.listen() };
}

function flightDefaults(offset: number): Flight {
  return {
    flight_id: `f${String(offset).padStart(6, "0")}`,
    date: "2001-02-03T04:05:06.789Z",
    delay: 5,
    distance: null,
    origin: "JFK",
    big: "0",
    note: null,
  };
}
