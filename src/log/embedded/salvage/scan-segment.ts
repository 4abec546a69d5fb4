import { readFully, type FileSystem } from "../../../file-system.ts";
import {
  bodyIsValid,
  decodeRecordHeader,
  RECORD_MAGIC,
  recordBytes,
  recordEnd,
  type RecordHeader,
} from "../../record/record.ts";
import { segmentPath } from "../segment.ts";
import { decodeSegmentHeader, type SegmentHeader } from "../segment-header.ts";
import { findSeed, restoreHeader } from "./restore-header.ts";

/** What can't be read of a file. */
export interface Damage {
  readonly file: string;
  /** Where it begins. */
  readonly byte: number;
  /** How many bytes it has; 0 when something is missing. */
  readonly bytes: number;
  readonly what: string;
}

/** A record that is whole, and where it lies. */
export interface WholeRecord {
  readonly header: RecordHeader;
  readonly at: number;
}

/** A segment as far as it can be read. */
export interface SegmentScan {
  readonly path: string;
  readonly base: number;
  /** As it was written, also when it had to be restored; undefined when that can't be done. */
  readonly header: SegmentHeader | undefined;
  /** In the order of their offsets. */
  readonly records: readonly WholeRecord[];
  readonly damages: readonly Damage[];
}

/**
 * Finds every whole record of a segment, whatever lies between them. `next` is where the segment after it begins, and how many
 * bytes of this one count, as far as that is known: what lies behind was cut off, or was to be, and isn't its any more.
 */
export async function scanSegment(
  fileSystem: FileSystem,
  folder: string,
  base: number,
  next: { readonly base: number; readonly bytes: number },
): Promise<SegmentScan> {
  const path = segmentPath(folder, base);
  const segment = (await readWhole(fileSystem, path)).subarray(0, next.bytes);
  const written = decodeSegmentHeader(segment);
  const seed = written?.seed ?? findSeed(segment);
  const placed = written ?? restoreHeader(segment, seed);
  const start = placed?.bytes ?? Math.max(0, segment.indexOf(RECORD_MAGIC));
  const damages: Damage[] = [];
  if (written === undefined) {
    const what =
      placed === undefined ? "the header can't be read" : "the header was damaged; it is known again";
    damages.push({ file: path, byte: 0, bytes: start, what });
  }
  const header = placed?.header.base === base ? placed.header : undefined;
  if (seed === undefined && segment.length > start) {
    damages.push({ file: path, byte: start, bytes: segment.length - start, what: "no record can be read" });
    return { path, base, header, records: [], damages };
  }
  const records: WholeRecord[] = [];
  for (let at = start; at < segment.length;) {
    const found = nextWhole(segment, seed ?? 0, at, records.at(-1)?.header ?? { base }, next.base);
    const end = found?.at ?? segment.length;
    if (end > at) {
      damages.push({ file: path, byte: at, bytes: end - at, what: "no whole record" });
    }
    if (found === undefined) break;
    records.push(found);
    at = found.at + recordBytes(found.header);
  }
  return { path, base, header, records, damages };
}

/** The bytes of a file, whole. */
export async function readWhole(fileSystem: FileSystem, path: string): Promise<Buffer> {
  const file = await fileSystem.open(path, "read");
  try {
    return await readFully(file, 0, await file.size());
  } finally {
    await file.close();
  }
}

/** The first whole record from a place on that follows the one before it. */
function nextWhole(
  segment: Buffer,
  seed: number,
  from: number,
  before: RecordHeader | { readonly base: number },
  nextBase: number,
): WholeRecord | undefined {
  const least = "base" in before ? before.base : recordEnd(before);
  for (let at = segment.indexOf(RECORD_MAGIC, from); at >= 0; at = segment.indexOf(RECORD_MAGIC, at + 1)) {
    const header = decodeRecordHeader(segment, seed, at);
    if (header === undefined || header.offset < least || recordEnd(header) > nextBase) continue;
    if (bodyIsValid(header, segment, at)) return { header, at };
  }
  return undefined;
}
