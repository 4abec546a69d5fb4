import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { salvageData, type FolderSalvage } from "../../../src/compose-salvage.ts";
import { realFileSystem } from "../../../src/file-system.ts";
import { RECORD_MAGIC } from "../../../src/log/record/record.ts";
import type { Log, LogBatch } from "../../../src/log/log.ts";
import type { Store } from "../../../src/store/store.ts";
import { endOf } from "../../../src/load/rows.ts";
import { readAll } from "../../log/contract.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { openTestStore } from "../../support/test-store.ts";
import {
  addFindings,
  eventsOf,
  judgePath,
  openPath,
  PathWriter,
  settledPath,
  STREAMS,
  type PathBatch,
  type PathFindings,
} from "../disk/path-world.ts";
import type { Scenario } from "../scenario.ts";

const RUNS = { short: 4, full: 60 };
const LOADED_BATCHES = 40;
const WAITING_BATCHES = 40;
/** Records that are damaged at most. */
const DAMAGES_MAX = 6;

export const salvagedPath: Scenario = {
  group: "corruption",
  name: "a salvage between two runs, with the real engine",
  what:
    "Half of what the log holds is loaded when records of it are damaged, and the ledger too at times. After `headrace doctor --salvage` " +
    "a start must leave what was loaded as it is, once, load the rest that is whole, once, and lack exactly what the salvage reported as lost.",
  async run({ seed, scale, folder, progress, signal }) {
    const random = seededRandom(seed);
    const opened = await openTestStore(STREAMS);
    const { store } = opened;
    const writer = new PathWriter(random);
    const sums: PathFindings = { lost: 0, doubled: 0, changed: 0, torn: 0, problems: [] };
    let [events, gone] = [0, 0];
    try {
      for (let run = 0; run < RUNS[scale]; run++) {
        signal.throwIfAborted();
        const own = join(folder, String(run));
        const outcome = await salvageOne(own, store, writer, random);
        addFindings(sums, {
          ...outcome.findings,
          problems: outcome.findings.problems.map((problem) => `run ${run}: ${problem}`),
        });
        events += outcome.events;
        gone += outcome.gone;
        await rm(own, { recursive: true });
        progress(run + 1, RUNS[scale]);
      }
    } finally {
      await opened.destroy();
    }
    const note = `of the damaged batches ${gone} were not loaded yet: these are lost, as reported`;
    return { ...sums, runs: RUNS[scale], events, note };
  },
};

async function salvageOne(
  folder: string,
  store: Store,
  writer: PathWriter,
  random: Random,
): Promise<{ findings: PathFindings; events: number; gone: number }> {
  const folders = { log: join(folder, "log"), ledger: join(folder, "ledger") };
  const first = await openPath(realFileSystem, store, folders);
  await first.loader.start();
  for (let n = 0; n < LOADED_BATCHES; n++) await appendOne(first.log, writer, n);
  await settledPath(first);
  await first.loader.stop();
  const loaded = first.log.status("plain", 0).end.offset;
  for (let n = 0; n < WAITING_BATCHES; n++) await appendOne(first.log, writer, n);
  const inLog = await readAll(first.log, "plain");
  await first.stop();

  const damaged = await damageRecords(join(folders.log, "plain"), inLog, random);
  const problems: string[] = [];
  // What a start doesn't read is found when it is read; a torn tail heals. A salvage must come out right in each case.
  if (random.chance(0.3)) await damageLedger(join(folders.ledger, "plain-0.ledger"), random);
  const salvaged = await salvageData({
    logs: folders.log,
    ledgers: folders.ledger,
    streams: STREAMS,
    now: new Date(),
  });

  const second = await openPath(realFileSystem, store, folders);
  await second.loader.start();
  for (let n = 0; n < 5; n++) await appendOne(second.log, writer, n);
  await settledPath(second);
  await second.stop();

  const lost = new Set<PathBatch>();
  const batches = writer.batches.splice(0);
  for (const batch of damaged.filter(({ offset }) => offset >= loaded)) {
    const sent = batches.find((one) => one.stream === "plain" && one.events[0]?.n === firstNumber(batch));
    if (sent !== undefined) lost.add(sent);
  }
  problems.push(...reportProblems(salvaged, damaged, inLog));
  const findings = await judgePath(
    store,
    batches.filter((batch) => !lost.has(batch)),
  );
  const anyway = await judgePath(store, [...lost]);
  if (
    lost.size > 0 &&
    anyway.lost !== [...lost].reduce((sum, one) => sum + one.events.length + one.rejected.length, 0)
  ) {
    problems.push("what was damaged before it was loaded is there");
  }
  findings.problems.push(...problems);
  return { findings, events: eventsOf(batches), gone: lost.size };
}

async function appendOne(log: Log, writer: PathWriter, n: number): Promise<void> {
  await writer.append(log, writer.make(n % 4 === 3 ? "unique" : "plain"));
}

function firstNumber({ events }: LogBatch): number {
  const [line = ""] = events.bytes.toString().split("\n");
  return (JSON.parse(line) as { readonly n: number }).n;
}

/** Changes a byte in some records, but the last; gives the batches of these. */
async function damageRecords(
  folder: string,
  inLog: readonly LogBatch[],
  random: Random,
): Promise<LogBatch[]> {
  const places: { readonly path: string; readonly at: number; readonly bytes: number }[] = [];
  const names = (await readdir(folder)).filter((name) => name.endsWith(".log")).sort();
  const segments = new Map<string, Buffer>();
  for (const name of names) {
    const path = join(folder, name);
    const segment = await readFile(path);
    segments.set(path, segment);
    for (let at = segment.indexOf(RECORD_MAGIC); at >= 0;) {
      const next = segment.indexOf(RECORD_MAGIC, at + 1);
      places.push({ path, at, bytes: (next < 0 ? segment.length : next) - at });
      at = next;
    }
  }
  const damaged = new Set<LogBatch>();
  for (let left = 1 + random.below(DAMAGES_MAX); left > 0; left--) {
    const index = random.below(places.length - 1);
    const [place, batch] = [places[index], inLog[index]];
    if (place === undefined || batch === undefined || damaged.has(batch)) continue;
    const segment = segments.get(place.path) ?? Buffer.alloc(0);
    const at = place.at + random.below(place.bytes);
    segment[at] = (segment[at] ?? 0) ^ (1 + random.below(255));
    damaged.add(batch);
  }
  for (const [path, bytes] of segments) await writeFile(path, bytes);
  return [...damaged];
}

async function damageLedger(path: string, random: Random): Promise<void> {
  const bytes = await readFile(path);
  const at = random.below(Math.max(1, bytes.indexOf(0x0a)));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

/** The offsets that are reported as lost are those of the damaged batches. */
function reportProblems(
  { streams }: FolderSalvage,
  damaged: readonly LogBatch[],
  inLog: readonly LogBatch[],
): string[] {
  const [plain] = streams.filter(({ stream }) => stream === "plain");
  if (plain === undefined) return ["the damage was not found"];
  return inLog.flatMap((batch) => {
    const isReported = plain.lost.some(({ from, to }) => from <= batch.offset && endOf(batch) <= to);
    return isReported === damaged.includes(batch) ? [] : [`offset ${batch.offset} is reported wrongly`];
  });
}
