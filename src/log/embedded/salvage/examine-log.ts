import { join } from "node:path";
import type { HeadraceError } from "../../../errors.ts";
import { toHeadraceError } from "../../../errors.ts";
import type { FileSystem } from "../../../file-system.ts";
import type { Position } from "../../log.ts";
import { readCursors } from "../cursor-file.ts";
import { KeyIndex } from "../key-index.ts";
import { LOADER_SUBSCRIPTION } from "../../limits.ts";
import { recordEnd } from "../../record/record.ts";
import { CURSOR_FILE, inspect } from "../recovery.ts";
import { parseName, segmentPath, sidePath } from "../segment.ts";
import type { LostOffsets } from "../segment-header.ts";
import { readSideFile } from "../side-file.ts";
import { scanSegment, type Damage, type SegmentScan } from "./scan-segment.ts";

/** All that can be told of a stream's log, however damaged. */
export interface LogExamination {
  readonly stream: string;
  readonly folder: string;
  /** Why a start would refuse it; undefined when it wouldn't. */
  readonly refusal: HeadraceError | undefined;
  readonly segments: readonly SegmentScan[];
  /** What can't be read, but for the torn tail. */
  readonly damages: readonly Damage[];
  /** What a crash left at the end of the last segment: the next start cuts it off. */
  readonly torn: Damage | undefined;
  /** Offsets that no whole record has, rising; those that an earlier salvage lost already not among them. */
  readonly lost: readonly LostOffsets[];
  /** Events and rejected events in whole records. */
  readonly events: number;
  readonly rejected: number;
  /** The oldest offset of a whole record, and the one after the last. */
  readonly first: number;
  readonly end: number;
  readonly cursors: ReadonlyMap<string, Position>;
  /** Side files of segments that retention dropped, as far as they are whole. */
  readonly keyFiles: readonly string[];
}

/**
 * Reads every record and side file of a stream's log and changes nothing; no server may be running. What a start checks and more:
 * closed segments are read through.
 */
export async function examineLog(
  fileSystem: FileSystem,
  stream: string,
  folder: string,
): Promise<LogExamination> {
  const names = (await fileSystem.list(folder)).map(parseName).filter((name) => name !== undefined);
  const basesOf = (kind: "log" | "side"): number[] =>
    names
      .filter((name) => name.kind === kind)
      .map(({ base }) => base)
      .sort((left, right) => left - right);
  const [logs, sides] = [basesOf("log"), basesOf("side")];
  const refusal = await refusalOf(fileSystem, stream, folder);
  const segments = await scanAll(fileSystem, folder, logs);
  const { cursors, damagedAt } = await readCursors(fileSystem, join(folder, CURSOR_FILE));
  const keyFiles: string[] = [];
  const sideDamages: Damage[] = [];
  for (const base of sides) {
    const damage = await sideDamage(fileSystem, folder, base, logs);
    if (damage !== undefined) sideDamages.push(damage);
    else if (base < (logs[0] ?? Infinity)) keyFiles.push(sidePath(folder, base));
  }
  const torn = refusal === undefined ? segments.at(-1)?.damages.at(-1) : undefined;
  const tears = refusal === undefined ? (segments.at(-1)?.damages ?? []) : [];
  const damages = [
    ...segments.flatMap((segment) => segment.damages).filter((damage) => !tears.includes(damage)),
    ...missingFiles(folder, segments),
    ...sideDamages,
    ...(damagedAt === undefined ? [] : [cursorDamage(folder, damagedAt)]),
  ];
  return {
    stream,
    folder,
    refusal,
    segments,
    damages,
    torn,
    cursors,
    keyFiles,
    ...countsOf(segments, cursors),
  };
}

async function refusalOf(
  fileSystem: FileSystem,
  stream: string,
  folder: string,
): Promise<HeadraceError | undefined> {
  try {
    await inspect(fileSystem, stream, folder, new KeyIndex({ window: 0, count: 1, clock: () => 0 }));
    return undefined;
  } catch (error) {
    return toHeadraceError(error);
  }
}

/** From the last on, since each segment says how much of the one before it counts. */
async function scanAll(
  fileSystem: FileSystem,
  folder: string,
  bases: readonly number[],
): Promise<SegmentScan[]> {
  const scans: SegmentScan[] = [];
  let next = { base: Number.MAX_SAFE_INTEGER, bytes: Infinity };
  for (const base of bases.toReversed()) {
    const scan = await scanSegment(fileSystem, folder, base, next);
    scans.unshift(scan);
    const { previous } = scan.header ?? {};
    const before = bases[bases.indexOf(base) - 1];
    next = { base, bytes: previous !== undefined && previous.base === before ? previous.bytes : Infinity };
  }
  return scans;
}

/** Segments that another one names as the one before it. */
function missingFiles(folder: string, segments: readonly SegmentScan[]): Damage[] {
  return segments.flatMap(({ header }, index) => {
    const previous = header?.previous?.base;
    if (index === 0 || previous === undefined || segments.some(({ base }) => base === previous)) return [];
    return [{ file: segmentPath(folder, previous), byte: 0, bytes: 0, what: "the file is missing" }];
  });
}

async function sideDamage(
  fileSystem: FileSystem,
  folder: string,
  base: number,
  logs: readonly number[],
): Promise<Damage | undefined> {
  const file = sidePath(folder, base);
  const orphaned = base > (logs[0] ?? 0) && !logs.includes(base);
  if (orphaned || base === logs.at(-1)) {
    const what = orphaned ? "its segment is missing" : "the segment that followed its own is missing";
    return { file, byte: 0, bytes: 0, what };
  }
  try {
    await readSideFile(fileSystem, file);
    return undefined;
  } catch (error) {
    const { message, details, code } = toHeadraceError(error);
    if (code !== "log_corrupt") throw error;
    const what = logs.includes(base)
      ? "it is damaged, and can be made again from its segment"
      : `it is damaged, and its segment is gone: the idempotency keys in it are forgotten (${message})`;
    return { file, byte: typeof details["byte"] === "number" ? details["byte"] : 0, bytes: 0, what };
  }
}

function cursorDamage(folder: string, byte: number): Damage {
  return {
    file: join(folder, CURSOR_FILE),
    byte,
    bytes: 0,
    what: "a line doesn't fit its checksum: what the whole ones say counts",
  };
}

function countsOf(
  segments: readonly SegmentScan[],
  cursors: ReadonlyMap<string, Position>,
): Pick<LogExamination, "lost" | "events" | "rejected" | "first" | "end"> {
  const known = segments.flatMap(({ header }) => header?.lost ?? []);
  const lost: LostOffsets[] = [];
  const [oldest] = segments;
  // What retention dropped is nothing that anybody needs.
  const needed = Math.min(
    cursors.has(LOADER_SUBSCRIPTION) ? Infinity : 0,
    ...[...cursors.values()].map(({ offset }) => offset),
  );
  const base = oldest?.base ?? 0;
  let end = oldest?.header?.previous === undefined ? base : Math.min(base, needed);
  let first: number | undefined;
  let [events, rejected] = [0, 0];
  for (const { header } of segments.flatMap(({ records }) => records)) {
    first ??= header.offset;
    const isKnown = known.some(({ from, to }) => from === end && to === header.offset);
    if (header.offset > end && !isKnown) lost.push({ from: end, to: header.offset });
    end = recordEnd(header);
    events += header.eventCount;
    rejected += header.rejectedCount;
  }
  return { lost, events, rejected, first: first ?? end, end };
}
