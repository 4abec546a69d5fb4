// `npm run soak -- --minutes 30`: measures what the machine takes, then sends half of it and looks whether everything stays flat.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { MINUTE, SECOND } from "../../../src/units.ts";
import { replaceSection } from "../report.ts";
import { Load, settledCounts } from "./load.ts";
import { plotSvg } from "./plot.ts";
import { takeSamples, type Sample } from "./samples.ts";
import { soakReport } from "./report.ts";
import { Servers } from "./servers.ts";
import { isFlat, judgeFlatness } from "./verdict.ts";

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
  const text = soakReport({ minutes: values.minutes, most, rate, load, flatness, problems });
  console.log(text);
  await replaceSection("soak", text);
  return problems.length === 0 && flatness.every(isFlat) ? 0 : 1;
}

/** Events a second, from the first that is sent until all are loaded. */
async function measure(data: string): Promise<number> {
  const servers = new Servers(data);
  await servers.start();
  const load = new Load();
  load.aim(servers.url);
  const began = performance.now();
  const writers = Array.from({ length: WRITERS }, () => load.flatOut());
  await sleep(MEASURED);
  load.stop();
  await Promise.all(writers);
  await settledCounts(servers.url);
  const seconds = (performance.now() - began) / SECOND;
  await servers.stop();
  return Math.round(load.sent.readings / seconds);
}

/** Whatever was acknowledged is there once. */
async function compareCounts(url: string, { sent }: Load): Promise<string[]> {
  const stored = await settledCounts(url);
  return (["readings", "rejected", "orders"] as const)
    .filter((name) => stored[name] !== sent[name])
    .map((name) => `${stored[name]} ${name} are stored of ${sent[name]} that were acknowledged`);
}
