// `npm run demo`: three million real flights through the whole of Headrace.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { createClient, type Client } from "../../src/cli/client.ts";
import { listenForInterrupt } from "../../src/cli/interrupt.ts";
import { formatCount, liveLines, progressBar } from "../../src/cli/progress.ts";
import { openParquet, type ParquetFile } from "../../src/cli/publish/parquet.ts";
import { jsonChunks } from "../../src/cli/publish/batches.ts";
import { publishEvents, type PublishSummary } from "../../src/cli/publish/publish-events.ts";
import { formatTable } from "../../src/cli/table.ts";
import { MIB, SECOND } from "../../src/units.ts";
import { differences, figuresOfFile } from "./demo/compare.ts";
import { portOrAny, startDemoServer, type DemoServer } from "./demo/server.ts";
import { askFlights, type Flights } from "./demo/watch-flights.ts";

const PARQUET = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
const DEFAULT_PORT = 7070;
const ASK_INTERVAL = SECOND / 2;
/** How long the last events may take from accepted to queryable. */
const LOAD_DEADLINE = 60 * SECOND;
const AIRPORTS_SHOWN = 10;

interface Options {
  readonly once?: boolean;
  readonly limit?: number;
  readonly rate?: number;
  readonly port?: number;
  readonly data?: string;
}

const command = new Command("npm run demo --")
  .description(
    "Streams the three million US flights of vega-datasets into a Headrace server, shows an endpoint's answer while they\n" +
      "load, compares it with what DuckDB computes straight from the Parquet file, and stays up until Ctrl-C.",
  )
  .option("--once", "end after the comparison: exit code 0 when all are loaded and every figure is equal")
  .option("--limit <flights>", "only so many flights, from the start of the file", positive)
  .option("--rate <flights>", "flights a second (default: as fast as they go)", positive)
  .option("--port <port>", `the port (default: ${DEFAULT_PORT}, or any when it is taken)`, positive)
  .option("--data <dir>", "a data folder that is kept (default: a temporary one, removed at the end)")
  .action(async (options: Options) => {
    process.exitCode = await demo(options);
  });
await command.parseAsync();

function positive(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError("Expected a positive integer.");
  return Number(text);
}

/** Resolves with the exit code. */
async function demo(options: Options): Promise<number> {
  const interrupt = listenForInterrupt();
  const data =
    options.data === undefined ? await mkdtemp(join(tmpdir(), "headrace-demo-")) : resolve(options.data);
  let server: DemoServer | undefined;
  try {
    const port = options.port === undefined ? await portOrAny(DEFAULT_PORT) : String(options.port);
    server = await startDemoServer({ port, data });
    const kept = options.data === undefined ? "removed at the end" : "kept";
    console.log(`Headrace is ready at ${server.url}, its data is in ${data} (${kept})\n`);
    return await Promise.race([server.died, run(server.url, options, interrupt.signal)]);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await server?.stop();
    if (options.data === undefined) await rm(data, { recursive: true, force: true });
    interrupt.dispose();
  }
}

async function run(url: string, options: Options, signal: AbortSignal): Promise<number> {
  const client = createClient({ url, token: undefined });
  const file = await openParquet(PARQUET, {
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    // The records have no id: the row's number makes them count once, however often they are sent.
    extraMembers: (row) => `"flight_id":"${row + 1}",`,
  });
  const { stored: before } = await askFlights(client);
  if (before > 0) {
    console.log(
      `${formatCount(before)} flights are there from an earlier run: sent again, they are duplicates.\n`,
    );
  }
  const flights = await load(client, file, options, signal);
  if (signal.aborted || flights === undefined) return options.once === true ? 1 : 0;

  const equal = await compare(flights, file.rows);
  if (options.once === true) return equal ? 0 : 1;
  printTries(url);
  await aborted(signal);
  console.log("\nstopping…");
  return equal ? 0 : 1;
}

/** Publishes the file and shows how it goes until every flight is queryable. */
async function load(
  client: Client,
  file: ParquetFile,
  options: Options,
  signal: AbortSignal,
): Promise<Flights | undefined> {
  const live = liveLines(process.stdout);
  const started = performance.now();
  let sent: PublishSummary | undefined;
  let deadline = Number.POSITIVE_INFINITY;
  const publishing = publishEvents({
    client,
    stream: "flights",
    read: () => jsonChunks(file.chunks),
    batch: { events: 10_000, bytes: 2 * MIB },
    inFlight: 2,
    compression: "none",
    rate: options.rate,
    retries: 20,
    signal,
    onProgress: (soFar) => (sent = soFar),
  }).then((summary) => {
    deadline = performance.now() + LOAD_DEADLINE;
    return (sent = summary);
  });

  for (;;) {
    const flights = await askFlights(client);
    const seconds = (performance.now() - started) / SECOND;
    const lines = () => progressLines(flights, sent, file.rows, seconds);
    const done = flights.stored >= file.rows && deadline < Number.POSITIVE_INFINITY;
    if (done || signal.aborted) {
      live.finish(lines);
      const { failure, rejected } = await publishing;
      if (failure !== undefined && !signal.aborted) throw failure;
      if (rejected > 0) throw new Error(`${formatCount(rejected)} flights were rejected`);
      return flights;
    }
    if (sent?.failure !== undefined) throw sent.failure;
    if (performance.now() > deadline) {
      throw new Error(
        `only ${flights.stored} of ${file.rows} flights are queryable after ${LOAD_DEADLINE / SECOND} s`,
      );
    }
    live.update(lines);
    await sleep(ASK_INTERVAL, undefined, { signal }).catch(() => {});
  }
}

function progressLines(
  flights: Flights,
  sent: PublishSummary | undefined,
  total: number,
  seconds: number,
): readonly string[] {
  const { stored, freshness, origins } = flights;
  const fresh =
    freshness === undefined
      ? ""
      : `, freshness p50 ${freshness.p50.toFixed(2)} s, p99 ${freshness.p99.toFixed(2)} s`;
  const table = formatTable(
    [{ name: "origin" }, { name: "flights", align: "right" }, { name: "mean_delay", align: "right" }],
    origins
      .slice(0, AIRPORTS_SHOWN)
      .map((row) => [row.origin, formatCount(row.flights), row.mean_delay.toFixed(2)]),
  );
  const progress = `${progressBar(stored / total)}  ${formatCount(stored)} of ${formatCount(total)} flights queryable`;
  const speed = `${formatCount(stored / seconds)} events/s${fresh}`;
  return [
    // Where there is no terminal the first line is the only one until the end; on one it has to be short.
    ...(process.stdout.isTTY ? [progress, speed] : [`${progress}, ${speed}`]),
    `${formatCount(sent?.accepted ?? 0)} accepted after ${seconds.toFixed(1)} s`,
    "",
    ...table,
  ];
}

async function compare(flights: Flights, rows: number): Promise<boolean> {
  const expected = await figuresOfFile(PARQUET, rows);
  const different = differences(flights.origins, expected);
  const inFile = expected.reduce((sum, row) => sum + row.flights, 0);
  if (different.length === 0) {
    console.log(
      `\n${formatCount(flights.stored)} flights stored, ${formatCount(inFile)} in the file. The figures of all ${expected.length} ` +
        "airports equal those that DuckDB computes from the file.",
    );
    return true;
  }
  console.error(
    `\n${different.length} of ${expected.length} airports differ from what DuckDB computes from the file:`,
  );
  for (const line of different) console.error(`  ${line}`);
  return false;
}

function printTries(url: string): void {
  console.log(`
Try it, until Ctrl-C:
  open   ${url}/docs
  curl -sS '${url}/v1/endpoints/delays_by_origin?limit=5'
  curl -sS '${url}/v1/endpoints/busiest_routes?airport=SFO&format=csv'
  curl -sS '${url}/v1/endpoints/delays_by_hour?origin=ORD&format=ndjson'
  curl -sS '${url}/v1/endpoints/worst_days'
  curl -sS '${url}/v1/streams/flights'
  curl -sS '${url}/v1/streams/flights/events?wait=stored' -H 'content-type: application/json' \\
    -d '{"flight_id":"mine","date":"2001-07-04T09:30:00Z","delay":-5,"origin":"SFO","destination":"JFK"}'`);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve: wake } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => wake(), { once: true });
  await promise;
}
