import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences, figuresOfFile } from "../../examples/flights/demo/compare.ts";
import { askFlights } from "../../examples/flights/demo/watch-flights.ts";
import { createClient } from "../../src/cli/client.ts";
import { jsonChunks } from "../../src/cli/publish/batches.ts";
import { openParquet } from "../../src/cli/publish/parquet.ts";
import { publishEvents } from "../../src/cli/publish/publish-events.ts";
import { MIB } from "../../src/units.ts";
import { startClickHouse } from "../support/clickhouse-server.ts";
import { natsMissing, startNatsServer } from "../support/nats-server.ts";
import { postgresMissing, startPostgres } from "../support/postgres-server.ts";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const PARQUET = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
const FLIGHTS = 20_000;
/** Endpoints whose answers must be the same wherever the flights are. */
const ASKED = ["busiest_routes?limit=50", "delays_by_hour", "delays_by_hour?origin=ORD", "worst_days"];

/** A server that the example runs on: what its environment variable says, and how it ends. */
interface Part {
  readonly url: string;
  remove(): Promise<void>;
}

/** The embedded ones need nothing: their URLs are the defaults. */
const logs: Readonly<Record<string, () => Promise<Part | undefined>>> = {
  embedded: () => Promise.resolve(undefined),
  "NATS JetStream": async () => {
    const nats = await startNatsServer({ users: true });
    return { url: nats.url(), remove: () => nats.remove() };
  },
};
const stores: Readonly<Record<string, () => Promise<Part | undefined>>> = {
  embedded: () => Promise.resolve(undefined),
  PostgreSQL: async () => {
    const postgres = await startPostgres();
    return { url: postgres.url(), remove: () => postgres.remove() };
  },
  "ClickHouse over HTTP": async () => {
    const clickhouse = await startClickHouse();
    return { url: clickhouse.url(), remove: () => clickhouse.remove() };
  },
};
const missing: Readonly<Record<string, () => string | undefined>> = {
  PostgreSQL: postgresMissing,
  "NATS JetStream": natsMissing,
};

/** What the endpoints said on the first pair, for the others to be held against. */
let reference: unknown;

for (const [logName, openLog] of Object.entries(logs)) {
  for (const [storeName, openStore] of Object.entries(stores)) {
    const lacks = [logName, storeName].some((name) => missing[name]?.() !== undefined);
    describe.skipIf(lacks)(`examples/flights with the log ${logName} and the store ${storeName}`, () => {
      const project = join(EXAMPLES, storeName === "PostgreSQL" ? "flights-postgres" : "flights");
      let parts: (Part | undefined)[] = [];
      let data: string;
      let env: Record<string, string>;
      let server: ServerProcess;
      beforeAll(async () => {
        data = await mkdtemp(join(tmpdir(), "headrace-flights-"));
        const [log, store] = (parts = [await openLog(), await openStore()]);
        env = {
          ...(log === undefined ? {} : { HEADRACE_LOG_URL: log.url }),
          ...(store === undefined ? {} : { HEADRACE_STORE_URL: store.url }),
        };
        server = await startServerProcess({ project, data, env });
      });
      afterAll(async () => {
        await server.stop("SIGTERM");
        for (const part of parts) await part?.remove();
        await rm(data, { recursive: true, force: true });
      });

      test(
        "stores each flight once over a kill -9 in the middle, and answers as another engine does and as every other pair does",
        { timeout: 120_000 },
        async () => {
          await publish(server.url, FLIGHTS / 2);
          await server.stop("SIGKILL");
          server = await startServerProcess({ project, data, env });
          // The first half again: by their ids they count once.
          expect(await publish(server.url, FLIGHTS)).toBe(FLIGHTS);
          const client = createClient({ url: server.url, token: undefined });
          await until(async () => (await askFlights(client)).stored >= FLIGHTS, { timeout: 60_000 });

          const { stored, origins } = await askFlights(client);
          expect(stored).toBe(FLIGHTS);
          expect(differences(origins, await figuresOfFile(PARQUET, FLIGHTS))).toEqual([]);
          const answers = await Promise.all(
            ASKED.map((path) => dataOf(`${server.url}/v1/endpoints/${path}`)),
          );
          expect(answers.map((rows) => rows.length)).not.toContain(0);
          reference ??= answers;
          expect(rounded(answers)).toEqual(rounded(reference));
        },
      );
    });
  }
}

/** Sends so many flights from the start of the file, and gives how many were accepted. */
async function publish(url: string, limit: number): Promise<number> {
  const file = await openParquet(PARQUET, { limit, extraMembers: (row) => `"flight_id":"${row + 1}",` });
  const { accepted, failure } = await publishEvents({
    client: createClient({ url, token: undefined }),
    stream: "flights",
    read: () => jsonChunks(file.chunks),
    batch: { events: 1_000, bytes: MIB },
    inFlight: 2,
    compression: "none",
    rate: undefined,
    retries: 20,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  if (failure !== undefined) throw failure;
  return accepted;
}

async function dataOf(url: string): Promise<readonly unknown[]> {
  const response = await fetch(url);
  const answer = (await response.json()) as { readonly data?: readonly unknown[] };
  if (answer.data === undefined) throw new Error(`${url}: ${JSON.stringify(answer)}`);
  return answer.data;
}

/** Sums of floats differ in their last digits with the order of adding. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, one: unknown) => (typeof one === "number" ? Number(one.toPrecision(9)) : one)),
  ) as unknown;
}
