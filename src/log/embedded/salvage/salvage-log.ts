import { copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HeadraceError, toHeadraceError } from "../../../errors.ts";
import { isDiskFull, realFileSystem, TEMPORARY_SUFFIX } from "../../../file-system.ts";
import type { StreamSchema } from "../../../project/column.ts";
import type { Position } from "../../log.ts";
import { CursorFile } from "../cursor-file.ts";
import { newLogId } from "../heal.ts";
import { KeyIndex } from "../key-index.ts";
import { LOADER_SUBSCRIPTION } from "../../limits.ts";
import type { Lineage } from "../../lineage.ts";
import { CURSOR_FILE, inspect } from "../recovery.ts";
import { DAMAGED_INFIX, SALVAGE_SUFFIX } from "../unfinished-salvage.ts";
import { examineLog, type LogExamination } from "./examine-log.ts";
import { headersFor, type Assumption } from "./headers-for.ts";
import { readWhole } from "./scan-segment.ts";
import { LogWriter } from "./write-log.ts";

export interface SalvageOptions {
  readonly stream: string;
  /** The folder of the stream's log. The data folder must be locked. */
  readonly folder: string;
  /** What is taken to hold for a segment whose header is lost. */
  readonly assumption: Assumption;
  /** Names the copy that is kept: letters and digits, such as a time. */
  readonly mark: string;
}

export interface Salvaged {
  readonly examination: LogExamination;
  /** Where the damaged log is now, untouched. */
  readonly aside: string;
  /** The log id from here on. */
  readonly log: string;
  /** Events, rejected events and batches that were saved. */
  readonly events: number;
  readonly rejected: number;
  readonly batches: number;
  /** Offsets that could not be saved, rising: the events, rejected events and duplicates that had them. */
  readonly lost: readonly { readonly from: number; readonly to: number }[];
  /** Subscriptions whose cursors could not be kept: they begin at the oldest event. */
  readonly forgotten: readonly string[];
}

/**
 * Makes a healthy log of all whole records of a damaged one, and puts it in its place. Each record keeps its log id and offset, and
 * so its identity: what the store has isn't loaded again, and what it lacks is. What is appended from now on has a new log id. The
 * damaged log is kept beside it.
 *
 * A crash at any step leaves the old log in its place, or what the next salvage goes on with, while no start takes it
 * (`unfinishedSalvage`).
 */
export async function salvageLog(options: SalvageOptions): Promise<Salvaged> {
  const { stream, folder, mark } = options;
  try {
    await finishSalvage(folder);
    const examination = await examineLog(realFileSystem, stream, folder);
    const built = `${folder}${SALVAGE_SUFFIX}`;
    const building = `${built}${TEMPORARY_SUFFIX}`;
    await rm(building, { recursive: true, force: true });
    await mkdir(building, { mode: 0o700 });
    try {
      const written = await write(options, examination, building);
      // It must be what a start takes: else nothing is changed.
      await inspect(realFileSystem, stream, building, new KeyIndex({ window: 0, count: 1, clock: () => 0 }));
      await rename(building, built);
      const aside = `${folder}${DAMAGED_INFIX}${mark}`;
      await rename(folder, aside);
      await realFileSystem.syncFolder(dirname(folder));
      await rename(built, folder);
      await realFileSystem.syncFolder(dirname(folder));
      return { examination, aside, ...written };
    } finally {
      await rm(building, { recursive: true, force: true });
    }
  } catch (error) {
    throw toHeadraceError(error, isDiskFull(error) ? "log_full" : "log_failed");
  }
}

/** Puts a whole log in its place that a salvage which was cut short had ready; one that wasn't begun with is removed. */
async function finishSalvage(folder: string): Promise<void> {
  const built = `${folder}${SALVAGE_SUFFIX}`;
  if (!(await exists(built))) return;
  if (await exists(folder)) await rm(built, { recursive: true });
  else await rename(built, folder);
  await realFileSystem.syncFolder(dirname(folder));
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

async function write(
  { stream, assumption }: SalvageOptions,
  examination: LogExamination,
  into: string,
): Promise<Omit<Salvaged, "examination" | "aside">> {
  const segments = headersFor(examination, assumption);
  const writer = new LogWriter(stream, into);
  for (const known of segments) {
    const { scan, header } = known;
    if (header === undefined) continue;
    const segment = await readWhole(realFileSystem, scan.path);
    for (const record of scan.records) {
      if (known.accepts(segment, record)) await writer.add(header, segment, record);
    }
    await writer.flush();
  }
  const last = segments.findLast(({ header }) => header !== undefined)?.header;
  const schema: StreamSchema = last?.schema ?? assumption.schema;
  const lineage = await writer.finish({
    earlier: last === undefined ? [] : [...last.lineage, { log: last.log, end: Number.MAX_SAFE_INTEGER }],
    log: newLogId(),
    base: examination.first,
    schema,
  });
  const forgotten = await writeCursors(examination.cursors, into, lineage, writer.first ?? writer.end);
  for (const path of examination.keyFiles) await copyFile(path, join(into, basename(path)));
  await syncCopies(examination.keyFiles, into);
  const { events, rejected, batches, lost } = writer;
  // What lies before the first record was needed too, when the examination says so.
  const before = examination.lost.filter(
    ({ to }) => to <= (writer.first ?? 0) && !lost.some((one) => one.to === to),
  );
  return { log: lineage.current, events, rejected, batches, lost: [...before, ...lost], forgotten };
}

async function syncCopies(paths: readonly string[], into: string): Promise<void> {
  for (const path of paths) {
    const file = await realFileSystem.open(join(into, basename(path)), "write");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await realFileSystem.syncFolder(into);
}

/** The cursors as far as they can stand; the loader's is there in any case. Gives the names of the others that can't. */
async function writeCursors(
  cursors: ReadonlyMap<string, Position>,
  into: string,
  lineage: Lineage,
  first: number,
): Promise<string[]> {
  const forgotten: string[] = [];
  const start = lineage.at(first);
  const file = await CursorFile.read(realFileSystem, join(into, CURSOR_FILE));
  try {
    for (const [subscription, position] of new Map([[LOADER_SUBSCRIPTION, start], ...cursors])) {
      const standing = positionIn(lineage, position, first);
      if (standing === undefined) forgotten.push(subscription);
      await file.commit(subscription, standing ?? start);
    }
  } finally {
    await file.close();
  }
  return forgotten;
}

/** Undefined for a position in a log id that isn't known. */
function positionIn(lineage: Lineage, position: Position, first: number): Position | undefined {
  try {
    return lineage.at(Math.max(first, lineage.resolve(position, 0)));
  } catch (error) {
    if (error instanceof HeadraceError && error.code === "offset_gone") return undefined;
    throw error;
  }
}
