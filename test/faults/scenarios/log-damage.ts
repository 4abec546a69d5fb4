import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HeadraceError } from "../../../src/errors.ts";
import { realFileSystem } from "../../../src/file-system.ts";
import { openEmbeddedLog } from "../../../src/log/embedded/embedded-log.ts";
import { examineLog } from "../../../src/log/embedded/salvage/examine-log.ts";
import { salvageLog } from "../../../src/log/embedded/salvage/salvage-log.ts";
import { RECORD_MAGIC } from "../../../src/log/record/record.ts";
import type { Log, LogBatch, Position } from "../../../src/log/log.ts";
import { KIB } from "../../../src/units.ts";
import { batchOf, readAll, SCHEMA } from "../../log/contract.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { SimulatedDisk } from "../../support/simulated-disk.ts";
import type { Scenario } from "../scenario.ts";

const BATCHES = 60;
/** Accept time of all batches and the log's clock, so that nothing is dropped. */
const NOW = 1_700_000_000_000;
const FOLDER = "/log/s";
const SEGMENT_BYTES = 4 * KIB;

/** The files of a log that was closed, by name, and what is in it. Each batch is a group of its own. */
interface Sound {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly batches: readonly LogBatch[];
  /** Its last segment, and where the records of it begin. */
  readonly last: string;
  readonly starts: readonly number[];
}

/** What must become of a damaged log. */
type Expected =
  /** It opens with so many batches. `traceless`: nothing shows that there were more, which no cursor had passed either. */
  | { readonly kind: "heals"; readonly batches: number; readonly traceless?: boolean }
  /** Opening it or reading it through stops with this file's name. */
  | { readonly kind: "stops"; readonly file: string };

export const logDamage: Scenario = {
  group: "corruption",
  name: "damage anywhere in the log",
  what:
    "A log of several segments is truncated at every byte of its last records, has bits flipped in its tail, middle, headers, side files and " +
    "cursors, ends with zeros, lacks a file. Damage to the tail must heal; all else must stop the start, or the reader, with file and byte and nothing " +
    "changed; what can be read must be what was appended.",
  async run({ seed, scale, progress, signal }) {
    const random = seededRandom(seed);
    const sound = await makeSound();
    const cases = [...damagesOf(sound, random, scale === "full" ? 1 : 13)];
    const problems: string[] = [];
    for (const [index, { name, files, expected }] of cases.entries()) {
      signal.throwIfAborted();
      const problem = await tryOne(sound, files, expected);
      if (problem !== undefined) problems.push(`${name}: ${problem}`);
      if (index % 50 === 0) progress(index, cases.length);
    }
    const events = sound.batches.reduce((sum, { events: { count } }) => sum + count, 0) * cases.length;
    return { runs: cases.length, events, lost: 0, doubled: 0, changed: 0, torn: 0, problems };
  },
};

const open = (disk: SimulatedDisk): Promise<Log> =>
  openEmbeddedLog({
    folder: "/log",
    streams: [{ name: "s", schema: SCHEMA }],
    segmentBytes: SEGMENT_BYTES,
    clock: () => NOW,
    fileSystem: disk,
  });

async function makeSound(): Promise<Sound> {
  const disk = new SimulatedDisk(1);
  let log = await open(disk);
  for (let n = 0; n < BATCHES; n++) {
    await log.append("s", batchOf(`batch ${n}`, { events: 2, rejected: 1, key: `${n}`, acceptedAt: NOW }));
    if (n % 10 === 0) await log.commit("s", 0, "loader", log.status("s", 0).end);
  }
  await log.close();
  // A start seals what the first life left unsealed.
  log = await open(disk);
  const batches = await readAll(log, "s");
  await log.close();
  const files = new Map<string, Buffer>();
  for (const name of await disk.list(FOLDER)) files.set(name, Buffer.from(disk.bytesOf(join(FOLDER, name))));
  const last =
    [...files.keys()]
      .filter((name) => name.endsWith(".log"))
      .sort()
      .at(-1) ?? "";
  return { files, batches, last, starts: recordStarts(files.get(last) ?? Buffer.alloc(0)) };
}

function recordStarts(segment: Buffer): number[] {
  const starts: number[] = [];
  for (let at = segment.indexOf(RECORD_MAGIC); at >= 0; at = segment.indexOf(RECORD_MAGIC, at + 1)) {
    starts.push(at);
  }
  return starts;
}

interface Case {
  readonly name: string;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly expected: Expected;
}

function* damagesOf(sound: Sound, random: Random, stride: number): Generator<Case> {
  const { files, last, starts } = sound;
  const segment = files.get(last) ?? Buffer.alloc(0);
  const before = BATCHES - starts.length;
  const [lastStart = 0] = starts.slice(-1);
  const [thirdLast = 0] = starts.slice(-3);
  // What is behind the cut is gone, as after a crash; the loader's cursor is before it.
  const wholeAt = (cut: number): number =>
    before + starts.filter((_, i) => (starts[i + 1] ?? segment.length) <= cut).length;
  for (let cut = thirdLast; cut < segment.length; cut += stride) {
    const expected = { kind: "heals", batches: wholeAt(cut), traceless: starts.includes(cut) } as const;
    yield { name: `cut at ${cut}`, files: replaced(files, last, segment.subarray(0, cut)), expected };
    const zeros = Buffer.concat([segment.subarray(0, cut), Buffer.alloc(random.below(5_000))]);
    yield { name: `zeros from ${cut} on`, files: replaced(files, last, zeros), expected };
  }
  for (let at = lastStart; at < segment.length; at += stride) {
    const expected = { kind: "heals", batches: BATCHES - 1 } as const;
    yield { name: `flip at ${at} of the last record`, files: flipped(files, last, at, random), expected };
  }
  for (let at = 0; at < lastStart; at += stride) {
    const expected = { kind: "stops", file: last } as const;
    yield { name: `flip at ${at} of the last segment`, files: flipped(files, last, at, random), expected };
  }
  for (const [name, bytes] of files) {
    if (name === last) continue;
    for (let at = random.below(stride); at < bytes.length - 1; at += stride * 3) {
      // The last line of the cursors is passed over; the loader's line is the one before.
      if (name === "cursors" && at >= bytes.lastIndexOf(0x0a, bytes.length - 2)) continue;
      const expected = { kind: "stops", file: name } as const;
      yield { name: `flip at ${at} of ${name}`, files: flipped(files, name, at, random), expected };
    }
    if (!name.endsWith(".log")) continue;
    const without = new Map(files);
    without.delete(name);
    const isFirst = Number(name.slice(0, 20)) === 0;
    const needed = !isFirst || Math.min(...cursorOffsets(files)) === 0;
    if (needed) yield { name: `without ${name}`, files: without, expected: { kind: "stops", file: name } };
  }
  const missingLast = new Map(files);
  missingLast.delete(last);
  yield { name: "without the last segment", files: missingLast, expected: { kind: "stops", file: "" } };
}

function cursorOffsets(files: ReadonlyMap<string, Buffer>): number[] {
  const text = files.get("cursors")?.toString() ?? "";
  return [...text.matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset));
}

function replaced(files: ReadonlyMap<string, Buffer>, name: string, bytes: Buffer): Map<string, Buffer> {
  return new Map([...files, [name, bytes]]);
}

function flipped(
  files: ReadonlyMap<string, Buffer>,
  name: string,
  at: number,
  random: Random,
): Map<string, Buffer> {
  const bytes = Buffer.from(files.get(name) ?? Buffer.alloc(0));
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return replaced(files, name, bytes);
}

/** Says what is wrong, if anything. */
async function tryOne(
  sound: Sound,
  files: ReadonlyMap<string, Buffer>,
  expected: Expected,
): Promise<string | undefined> {
  const disk = new SimulatedDisk(1);
  for (const [name, bytes] of files) {
    await (await disk.open(join(FOLDER, name), "create")).close();
    disk.setBytes(join(FOLDER, name), bytes);
  }
  await disk.syncFolder(FOLDER);
  let opened: Log | undefined;
  try {
    opened = await open(disk);
    const batches = await readAll(opened, "s");
    const wrong = firstDifference(batches, sound.batches);
    if (wrong !== undefined) return wrong;
    if (expected.kind === "stops") return `it opened, with ${batches.length} batches`;
    if (batches.length !== expected.batches)
      return `${batches.length} batches instead of ${expected.batches}`;
    const before = sound.batches.at(-1)?.log;
    const after = await opened.append("s", batchOf("later", { acceptedAt: NOW }));
    const isNew = after.kind === "appended" && after.position.log !== before;
    return isNew || expected.traceless === true || batches.length === BATCHES
      ? undefined
      : "the offsets of a lost tail came again under their log id";
  } catch (error) {
    if (!(error instanceof HeadraceError) || error.code !== "log_corrupt") return String(error);
    if (expected.kind === "heals") return error.message;
    const { file, byte } = error.details;
    const named = typeof file === "string" && file.startsWith(join(FOLDER, expected.file));
    if (!named || typeof byte !== "number") return `it doesn't name ${expected.file}: ${error.message}`;
    if (opened !== undefined) return undefined;
    for (const [name, bytes] of files) {
      if (!disk.bytesOf(join(FOLDER, name)).equals(bytes)) return `${name} was changed`;
    }
    return undefined;
  } finally {
    await opened?.close();
  }
}

const textOf = ({ log, offset, events, rejected }: LogBatch): string =>
  `${log} ${offset} ${events.bytes.toString()} ${rejected.bytes.toString()}`;

function firstDifference(found: readonly LogBatch[], sound: readonly LogBatch[]): string | undefined {
  const known = new Map(sound.map((batch) => [batch.offset, textOf(batch)]));
  const wrong = found.find((batch) => known.get(batch.offset) !== textOf(batch));
  return wrong === undefined ? undefined : `offset ${wrong.offset} isn't what was appended`;
}

const SALVAGES = { short: 8, full: 400 };
const PLACES_MAX = 4;

export const salvagedLog: Scenario = {
  group: "corruption",
  name: "a salvage of a damaged log",
  what:
    "One to four places of a log are damaged at random: bits, runs of bytes, missing segments, in headers and side files too. `headrace doctor --salvage` must save every record that isn't " +
    "touched with its identity, report exactly the offsets that are, and leave a log that starts; the damaged files must be kept as they were.",
  async run({ seed, scale, folder, progress, signal }) {
    const random = seededRandom(seed);
    const sound = await makeSound();
    const problems: string[] = [];
    let [saved, gone] = [0, 0];
    for (let run = 0; run < SALVAGES[scale]; run++) {
      signal.throwIfAborted();
      const own = join(folder, String(run));
      const outcome = await salvageOne(own, sound, random);
      problems.push(...outcome.problems.map((problem) => `run ${run}: ${problem}`));
      saved += outcome.saved;
      gone += outcome.gone;
      await rm(own, { recursive: true });
      progress(run + 1, SALVAGES[scale]);
    }
    const note = `${saved} batches were saved, ${gone} were damaged themselves`;
    return {
      runs: SALVAGES[scale],
      events: saved * 3,
      lost: 0,
      doubled: 0,
      changed: 0,
      torn: 0,
      problems,
      note,
    };
  },
};

async function salvageOne(
  folder: string,
  sound: Sound,
  random: Random,
): Promise<{ problems: string[]; saved: number; gone: number }> {
  const files = new Map(sound.files);
  const touched = new Set<number>();
  for (let left = 1 + random.below(PLACES_MAX); left > 0; left--) damageOne(files, sound, touched, random);
  const stream = join(folder, "s");
  await mkdir(stream, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(stream, name), bytes);
  const positions: Position[] = [{ log: sound.batches[0]?.log ?? "", offset: BATCHES * 3 }];
  const assumption = { schema: SCHEMA, accepts: () => true, positions };
  const salvaged = await salvageLog({ stream: "s", folder: stream, assumption, mark: "1" });
  const streams = [{ name: "s", schema: SCHEMA }];
  const log = await openEmbeddedLog({ folder, streams, clock: () => NOW });
  const batches = await readAll(log, "s");
  await log.close();

  const problems: string[] = [];
  const wrong = firstDifference(batches, sound.batches);
  if (wrong !== undefined) problems.push(wrong);
  const found = new Set(batches.map(({ offset }) => offset));
  for (const { offset } of sound.batches) {
    if (found.has(offset) === touched.has(offset)) {
      problems.push(
        `offset ${offset} is ${touched.has(offset) ? "damaged and there" : "whole and not there"}`,
      );
    }
  }
  const reported = new Set<number>();
  for (const { from, to } of salvaged.lost) for (let at = from; at < to; at++) reported.add(at);
  for (const { offset } of sound.batches) {
    // What was behind the last that is whole, nobody can know; what was loaded before the first, nobody needs.
    const isInside = offset > Math.min(...found) && offset < Math.max(...found);
    if (isInside && reported.has(offset) === found.has(offset))
      problems.push(`offset ${offset} is reported wrongly`);
  }
  const again = await examineLog(realFileSystem, "s", stream);
  if (again.refusal !== undefined || again.damages.length > 0 || again.lost.length > 0) {
    problems.push("the salvaged log is damaged");
  }
  for (const [name, bytes] of files) {
    const kept = await realFileSystem.open(join(salvaged.aside, name), "read");
    const copy = Buffer.alloc(bytes.length + 1);
    if ((await kept.read(copy, 0)) !== bytes.length || !copy.subarray(0, bytes.length).equals(bytes)) {
      problems.push(`${name} was not kept as it was`);
    }
    await kept.close();
  }
  return { problems, saved: found.size, gone: touched.size };
}

/** Damages a place, and notes the offsets of the records that it touches. */
function damageOne(files: Map<string, Buffer>, sound: Sound, touched: Set<number>, random: Random): void {
  const names = [...files.keys()].filter((name) => /\.(log|side)$/.test(name));
  const name = names[random.below(names.length)] ?? "";
  const bytes = Buffer.from(files.get(name) ?? Buffer.alloc(0));
  if (!name.endsWith(".log")) {
    bytes[random.below(bytes.length)] = random.below(256);
    files.set(name, bytes);
    return;
  }
  const original = sound.files.get(name) ?? Buffer.alloc(0);
  const starts = recordStarts(original);
  const base = Number(name.slice(0, 20));
  const logs = names.filter((one) => one.endsWith(".log"));
  if (logs.length > 1 && random.chance(0.1)) {
    files.delete(name);
    for (const index of starts.keys()) touched.add(base + index * 3);
    return;
  }
  const from = random.below(bytes.length);
  const to = Math.min(bytes.length, from + (random.chance(0.5) ? 1 : 1 + random.below(600)));
  for (let at = from; at < to; at++) bytes[at] = (original[at] ?? 0) ^ (1 + random.below(255));
  files.set(name, bytes);
  for (const [index, start] of starts.entries()) {
    if (start < to && (starts[index + 1] ?? original.length) > from) touched.add(base + index * 3);
  }
}
