/** The same stack with DuckDB in the process. `node fastify-duckdb.ts <file>` */
import {
  DuckDBDataChunk,
  DuckDBInstance,
  DuckDBTimestampValue,
  INTEGER,
  TIMESTAMP,
  VARCHAR,
} from "@duckdb/node-api";
import type { Flight } from "../data/schemas.ts";
import { createStack, serve, type EndpointParams } from "./stack.ts";

/** Rows of a chunk: DuckDB's vector size. */
const CHUNK_ROWS = 2048;

const instance = await DuckDBInstance.create(process.argv[2]);
const writing = await instance.connect();
const reading = await instance.connect();
await writing.run(`CREATE TABLE IF NOT EXISTS flights (
  flight_id VARCHAR NOT NULL, date TIMESTAMP NOT NULL, delay INTEGER NOT NULL, distance INTEGER,
  origin VARCHAR NOT NULL, destination VARCHAR NOT NULL)`);
const appender = await writing.createAppender("flights");

interface Waiting {
  readonly flights: readonly Flight[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

let waiting: Waiting[] = [];
let writer: Promise<void> | undefined;

/** Whatever waits is committed together: a commit of its own for each request would sync the disk for each. */
function insertFlights(flights: readonly Flight[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  waiting.push({ flights, resolve, reject });
  writer ??= write().finally(() => (writer = undefined));
  return promise;
}

async function write(): Promise<void> {
  // The requests of this turn of the event loop still come along.
  await new Promise((resolve) => setImmediate(resolve));
  while (waiting.length > 0) {
    const batch = waiting;
    waiting = [];
    try {
      append(batch.flatMap(({ flights }) => flights));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The appender is the quickest way in; its flush is a commit, which syncs DuckDB's write-ahead log. */
function append(flights: readonly Flight[]): void {
  for (let from = 0; from < flights.length; from += CHUNK_ROWS) {
    const part = flights.slice(from, from + CHUNK_ROWS);
    const chunk = DuckDBDataChunk.create([VARCHAR, TIMESTAMP, INTEGER, INTEGER, VARCHAR, VARCHAR]);
    chunk.setColumns([
      part.map((flight) => flight.flight_id),
      part.map((flight) => new DuckDBTimestampValue(BigInt(Date.parse(flight.date)) * 1_000n)),
      part.map((flight) => flight.delay),
      part.map((flight) => flight.distance ?? null),
      part.map((flight) => flight.origin),
      part.map((flight) => flight.destination),
    ]);
    appender.appendDataChunk(chunk);
  }
  appender.flushSync();
}

async function delaysByOrigin({ from, origin, limit }: EndpointParams): Promise<readonly unknown[]> {
  const where = [
    ...(from === undefined ? [] : ["date >= $from::TIMESTAMP"]),
    ...(origin === undefined ? [] : ["origin = $origin"]),
  ];
  const reader = await reading.runAndReadAll(
    `SELECT origin, count(*)::INTEGER AS flights, avg(delay)::DOUBLE AS mean_delay FROM flights
     ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`}
     GROUP BY origin ORDER BY flights DESC, origin LIMIT $limit`,
    {
      limit,
      ...(from === undefined ? {} : { from }),
      ...(origin === undefined ? {} : { origin }),
    },
  );
  return reader.getRowObjectsJson();
}

async function count(): Promise<number> {
  const reader = await reading.runAndReadAll("SELECT count(*)::INTEGER FROM flights");
  return Number(reader.getRows()[0]?.[0]);
}

await serve(createStack({ insertFlights, delaysByOrigin, count }), async () => {
  await writer;
  appender.closeSync();
  instance.closeSync();
});
