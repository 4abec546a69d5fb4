// `npm run soak -- --minutes 30`: measures what the machine takes, then sends half of it and looks whether everything stays flat.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { MIB, MINUTE, SECOND } from "../../../src/units.ts";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { machine } from "../machine.ts";
import { replaceSection } from "../report.ts";
import { Load, settledCounts } from "./load.ts";
import { plotSvg } from "./plot.ts";
import { takeSamples, type Sample } from "./samples.ts";
import { isFlat, judgeFlatness, RULE, type Flatness } from "./verdict.ts";

const PROJECT = join(import.meta.dirname, "project");
const PLOT = join(import.meta.dirname, "../../../docs/soak.svg");
const WRITERS = 8;
/** How long the machine is measured. */
const MEASURED = 15 * SECOND;
const SHARE = 0.5;
/** When the server is started again, as parts of the time, and how it is ended. */
const RESTARTS = [
  { at: 1 / 10, signal: "SIGTERM" },
  { at: 2 / 10, signal: "SIGKILL" },
] as const;
/** From then on it is judged: a part of the time. */
const JUDGED_FROM = 1 / 3;
/** So that memory is full soon, and old segments are dropped. */
const ENV = {
  HEADRACE_KEYS_MAX: "5000",
  HEADRACE_LOG_RETENTION_SIZE: "64MiB",
  HEADRACE_LOG_SEGMENT_SIZE: "8MiB",
};

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
const duration = Number(values.minutes) * MINUTE;
if (!(duration >= MINUTE)) {
  console.error("npm run soak -- [--minutes 30]     at least 1");
  process.exit(2);
}
const folder = await mkdtemp(join(tmpdir(), "headrace-soak-"));
try {
  process.exitCode = await soak(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function soak(data: string): Promise<number> {
  console.error(`measuring what this machine takes, for ${MEASURED / SECOND} s…`);
  const most = await measure(join(data, "measured"));
  const rate = Math.round(most * SHARE);
  console.error(`${most} events a second; now ${rate} for ${values.minutes} minutes`);
  const servers = new Servers(join(data, "soak"));
  const load = new Load();
  const samples: Sample[] = [];
  const stopping = new AbortController();
  const interval = Math.max(0.5 * SECOND, Math.min(5 * SECOND, duration / 300));
  await servers.start();
  const began = performance.now();
  load.aim(servers.url);
  const work = [
    takeSamples(() => servers.current, interval, stopping.signal, samples),
    load.query(),
    ...Array.from({ length: WRITERS }, () => load.paced(rate / WRITERS)),
  ];
  const restarts: number[] = [];
  for (const { at, signal } of RESTARTS) {
    await sleep(began + duration * at - performance.now());
    load.lift();
    await servers.restart(signal);
    load.aim(servers.url);
    restarts.push((performance.now() - began) / SECOND);
    console.error(`started again after ${signal}`);
  }
  await sleep(began + duration - performance.now());
  stopping.abort();
  load.stop();
  await Promise.all(work);
  const judgedFrom = (duration * JUDGED_FROM) / SECOND;
  const flatness = judgeFlatness(samples.filter(({ at }) => at >= judgedFrom));
  const problems = [...(await compareCounts(servers.url, load)), ...servers.problems];
  if (load.failedQueries > 0) problems.push(`${load.failedQueries} of ${load.queries} queries failed`);
  await servers.stop();
  await writeFile(PLOT, plotSvg({ samples, restarts, judgedFrom }));
  const text = report({ most, rate, load, flatness, problems });
  console.log(text);
  await replaceSection("soak", text);
  return problems.length === 0 && flatness.every(isFlat) ? 0 : 1;
}

/** Events a second, from the first that is sent until all are loaded. */
async function measure(data: string): Promise<number> {
  const server = await startServerProcess({ project: PROJECT, data, env: ENV });
  const load = new Load();
  load.aim(server.url);
  const began = performance.now();
  const writers = Array.from({ length: WRITERS }, () => load.flatOut());
  await sleep(MEASURED);
  load.stop();
  await Promise.all(writers);
  await settledCounts(server.url);
  const seconds = (performance.now() - began) / SECOND;
  await server.stop("SIGTERM");
  return Math.round(load.sent.readings / seconds);
}

class Servers {
  readonly #data: string;
  readonly problems: string[] = [];
  current: ServerProcess | undefined;

  constructor(data: string) {
    this.#data = data;
  }

  get url(): string {
    return this.current?.url ?? "";
  }

  async start(): Promise<void> {
    this.current = await startServerProcess({ project: PROJECT, data: this.#data, env: ENV });
  }

  async restart(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const server = this.current;
    this.current = undefined;
    const code = await server?.stop(signal);
    if (signal === "SIGTERM" && code !== 0) this.problems.push(`a stop ended with ${code}`);
  }
}

/** Whatever was acknowledged is there once. */
async function compareCounts(url: string, { sent }: Load): Promise<string[]> {
  const stored = await settledCounts(url);
  return (["readings", "rejected", "orders"] as const)
    .filter((name) => stored[name] !== sent[name])
    .map((name) => `${stored[name]} ${name} are stored of ${sent[name]} that were acknowledged`);
}

interface Results {
  readonly most: number;
  readonly rate: number;
  readonly load: Load;
  readonly flatness: readonly Flatness[];
  readonly problems: readonly string[];
}

function report({ most, rate, load, flatness, problems }: Results): string {
  const { sent, queries } = load;
  const count = (value: number) => Math.round(value).toLocaleString("en-US");
  const show = {
    memory: (value: number) => `${count(value / MIB)} MiB`,
    files: count,
    freshness: (value: number) => `${count(value)} ms`,
  };
  const names = { memory: "memory in RAM", files: "open file descriptors", freshness: "freshness, p99" };
  return [
    `${values.minutes} minutes, ${new Date().toISOString().slice(0, 10)}. ${machine()} It took ${count(most)} events a second; the soak sent ` +
      `${count(rate)}. Acknowledged: ${count(sent.readings)} events, ${count(sent.rejected)} rejected ones, ${count(sent.orders)} events with ids and ` +
      `${count(sent.duplicates)} repeats of them; ${count(queries)} queries were answered meanwhile; one stop and one kill -9 with a new start. ` +
      (problems.length === 0 ? "All that was acknowledged is stored once." : `**${problems.join("; ")}.**`),
    "",
    "| | first quarter | last quarter | bound | |",
    "|---|--:|--:|--:|---|",
    ...flatness.map(
      (one) =>
        `| ${names[one.name]} | ${show[one.name](one.early)} | ${show[one.name](one.late)} | ${show[one.name](one.bound)} | ${isFlat(one) ? "flat" : "**not flat**"} |`,
    ),
    "",
    `Judged from a third of the time on, after the restarts. ${RULE}`,
    "",
    "![Memory, file descriptors and freshness over time](soak.svg)",
  ].join("\n");
}
