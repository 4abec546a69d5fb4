import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MINUTE, SECOND } from "../src/units.ts";
import type { Bench } from "./bench.ts";
import { prepareFlights, prepareOrders } from "./data/prepare.ts";
import type { Lines } from "./load/job.ts";
import { commitOfCheckout, describeMachine } from "./measure/machine.ts";
import type { Options } from "./options.ts";
import { installPeers } from "./peers/install.ts";
import { writeReport } from "./report/write-report.ts";
import type { Results, RowResult } from "./result.ts";
import { fillFolder } from "./rows/filling.ts";
import { ROWS } from "./rows/rows.ts";
import type { Row } from "./rows/row.ts";
import { loadRateOf, measureLoadRate } from "./rows/load-rate.ts";
import { Workshop } from "./workshop.ts";

/** What the last run measured; not part of the repository. */
const OUT = join(import.meta.dirname, "out");
const LAST_RESULTS = join(OUT, "results.json");

/** Measures the rows, one after the other, and writes the report. Resolves with the exit code. */
export async function runBench(options: Options, signal: AbortSignal): Promise<number> {
  await mkdir(OUT, { recursive: true });
  if (options.render) {
    await publish(parseResults(await readFile(LAST_RESULTS, "utf8")), options);
    return 0;
  }
  const rows = ROWS.filter(({ letter }) => options.only?.includes(letter) ?? true);
  installPeers();
  await using workshop = await Workshop.open();
  try {
    const results = await stoppable(measureAll(rows, workshop, options, signal), signal);
    await writeFile(LAST_RESULTS, `${JSON.stringify(results, undefined, 1)}\n`);
    await publish(results, options);
    return results.rows.some(({ failure }) => failure !== undefined) ? 1 : 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    console.error(signal.reason instanceof Error ? signal.reason.message : String(signal.reason));
    return 130;
  }
}

/** JSON has null for the figure of a round that failed. */
function parseResults(text: string): Results {
  return JSON.parse(text, (_key, value: unknown) => (value === null ? Number.NaN : value)) as Results;
}

/** Only a whole run at full length replaces the report: its figures are all of one run. */
async function publish(results: Results, { only, plan }: Options): Promise<void> {
  const whole = only === undefined && results.mode !== "quick" && plan.mode !== "quick";
  const folder = whole ? import.meta.dirname : OUT;
  await writeReport(results, folder);
  console.log(`\nwritten: ${join(folder, "REPORT.md")} and report.svg`);
}

async function measureAll(
  rows: readonly Row[],
  workshop: Workshop,
  options: Options,
  signal: AbortSignal,
): Promise<Results> {
  const from = performance.now();
  const done: RowResult[] = [];
  const bench = createBench(workshop, options, signal, done);
  for (const row of rows) {
    signal.throwIfAborted();
    const { letter, work } = row;
    bench.say(`\n${letter}  ${work}`);
    const rowFrom = performance.now();
    try {
      done.push({ letter, work, ...(await row.measure(bench)) });
    } catch (error) {
      signal.throwIfAborted();
      const failure = error instanceof Error ? error.message : String(error);
      bench.say(`  failed: ${failure}`);
      done.push({ letter, work, tables: [], goals: [], remarks: [], failure });
    }
    for (const goal of done.at(-1)?.goals ?? []) {
      const verdict = goal.reached === undefined ? "?" : goal.reached ? "reached" : "NOT reached";
      bench.say(`  ${goal.level}: ${goal.text}: ${goal.measured}, ${verdict}`);
    }
    bench.say(`  ${((performance.now() - rowFrom) / SECOND).toFixed(0)} s`);
  }
  return {
    date: new Date().toISOString(),
    commit: commitOfCheckout(),
    mode: options.plan.mode,
    rounds: options.plan.rounds,
    machine: describeMachine(workshop.path(".")),
    minutes: (performance.now() - from) / MINUTE,
    rows: done,
  };
}

function createBench(
  workshop: Workshop,
  { plan }: Options,
  signal: AbortSignal,
  done: readonly RowResult[],
): Bench {
  const prepared = new Map<string, Promise<Lines>>();
  const once = (name: string, prepare: (file: string) => Promise<Lines>): Promise<Lines> => {
    const known = prepared.get(name) ?? prepare(workshop.path(name));
    prepared.set(name, known);
    return known;
  };
  const folders = new Map<number, Promise<string>>();
  let rate: Promise<number> | undefined;
  const bench: Bench = {
    workshop,
    plan,
    signal,
    flights: (count = plan.preparedFlights) =>
      once(`flights-${count}.ndjson`, (file) => prepareFlights(file, count)),
    orders: () => once("orders.ndjson", (file) => prepareOrders(file, plan.preparedOrders)),
    loadRate: () => (rate ??= loadRateOf(done) ?? measureLoadRate(bench)),
    filled: (events) => {
      const known = folders.get(events) ?? fillFolder(bench, events);
      folders.set(events, known);
      return known;
    },
    say: (line) => console.log(line),
  };
  return bench;
}

/** Ctrl-C doesn't wait for what is being measured: the workshop then ends the processes and removes the files. */
async function stoppable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {});
  }
}
