import { join } from "node:path";
import { corrupt } from "./corrupt.ts";
import { CursorFile } from "./cursor-file.ts";
import { readFully, TEMPORARY_SUFFIX, type File, type FileSystem } from "../../file-system.ts";
import { decodeKeysOfEntries } from "../record/key-entry.ts";
import type { KeyIndex } from "./key-index.ts";
import { LOADER_SUBSCRIPTION } from "../limits.ts";
import { SCAN_CHUNK_BYTES } from "./limits.ts";
import { Lineage } from "../lineage.ts";
import { bodyIsValid, decodeRecordHeader, RECORD_HEADER_BYTES, RECORD_MAGIC } from "../record/record.ts";
import { RecordScanner } from "./record-scanner.ts";
import { parseName, Segment, segmentPath, sidePath } from "./segment.ts";
import { readSegmentHeader } from "./segment-header.ts";
import { readSideFile, type SideFile } from "./side-file.ts";

/** What was found in a stream's folder. Nothing has been changed yet. */
export interface Inspected {
  readonly stream: string;
  readonly folder: string;
  /** In order; none in a new folder. */
  readonly segments: Segment[];
  /** Where the last group begins in the last segment: it may not have reached the disk. */
  readonly lastGroup: number;
  /** Bytes behind the last whole record that were never finished. */
  readonly tornBytes: number;
  /** Whether a cursor is ahead of the end: a tail was lost without a trace. */
  readonly cursorAhead: boolean;
  readonly cursors: CursorFile;
  /** Side files that are kept for their keys alone: their segments were dropped. */
  readonly keyFiles: KeyFile[];
  /** Left over from a crash. */
  readonly temporaries: readonly string[];
}

export interface KeyFile {
  readonly path: string;
  readonly lastAcceptedAt: number;
}

/** Reads a stream's folder, and refuses it (`log_corrupt`) when it is damaged other than a crash does. */
export async function inspect(
  fileSystem: FileSystem,
  stream: string,
  folder: string,
  keys: KeyIndex,
): Promise<Inspected> {
  const names = await fileSystem.list(folder);
  const parsed = names.map(parseName).filter((name) => name !== undefined);
  const logs = parsed.filter(({ kind }) => kind === "log").map(({ base }) => base);
  const sides = new Set(parsed.filter(({ kind }) => kind === "side").map(({ base }) => base));
  logs.sort((left, right) => left - right);
  const segments: Segment[] = [];
  for (const base of logs) segments.push(await openSegment(fileSystem, stream, folder, base));
  checkChain(folder, segments);
  const cursors = await CursorFile.read(fileSystem, join(folder, CURSOR_FILE));
  checkFirst(folder, segments, sides, cursors);
  const first = segments[0]?.base ?? 0;
  const keyFiles: KeyFile[] = [];
  for (const base of [...sides].filter((side) => side < first).sort((left, right) => left - right)) {
    keyFiles.push(await readKeys(fileSystem, sidePath(folder, base), keys));
  }
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next !== undefined) {
      await loadClosed(fileSystem, folder, segment, next, sides.has(segment.base), keys);
    }
  }
  const last = segments.at(-1);
  if (last !== undefined && sides.has(last.base)) {
    throw corrupt(sidePath(folder, last.base), 0, "the segment that followed it is missing");
  }
  const tail = last === undefined ? { lastGroup: 0, tornBytes: 0 } : await loadLast(last, keys);
  const cursorAhead = [...cursors.needed()].some(
    ({ log, offset }) => last !== undefined && log === last.placed.header.log && offset > last.end,
  );
  const temporaries = names
    .filter((name) => name.endsWith(TEMPORARY_SUFFIX))
    .map((name) => join(folder, name));
  return { stream, folder, segments, ...tail, cursorAhead, cursors, keyFiles, temporaries };
}

export const CURSOR_FILE = "cursors";

async function openSegment(
  fileSystem: FileSystem,
  stream: string,
  folder: string,
  base: number,
): Promise<Segment> {
  const path = segmentPath(folder, base);
  const file = await fileSystem.open(path, "read");
  try {
    const placed = await readSegmentHeader(file, path);
    if (placed.header.base !== base || placed.header.stream !== stream) {
      throw corrupt(path, 0, `it is of the stream ${placed.header.stream} from ${placed.header.base} on`);
    }
    return new Segment(fileSystem, path, placed);
  } finally {
    await file.close();
  }
}

/** Each segment names the one before it. */
function checkChain(folder: string, segments: readonly Segment[]): void {
  for (const [index, segment] of segments.entries()) {
    if (index === 0) continue;
    const expected = segment.placed.header.previous?.base;
    if (expected !== segments[index - 1]?.base) {
      throw corrupt(
        segmentPath(folder, expected ?? 0),
        0,
        `the file is missing, and ${segment.path} follows it`,
      );
    }
  }
}

/** Retention never drops what a subscription needs: if the log begins after that, a file was taken away. */
function checkFirst(
  folder: string,
  segments: readonly Segment[],
  sides: ReadonlySet<number>,
  cursors: CursorFile,
): void {
  const first = segments[0];
  const last = segments.at(-1);
  if (first === undefined || last === undefined) {
    if (sides.size === 0 && cursors.size === 0) return;
    throw corrupt(folder, 0, "all segments are missing");
  }
  const { lineage, log } = last.placed.header;
  const ids = new Set([log, ...lineage.map((ended) => ended.log)]);
  let needed = cursors.has(LOADER_SUBSCRIPTION) ? last.base : 0;
  for (const position of cursors.needed()) {
    if (!ids.has(position.log)) {
      throw corrupt(join(folder, CURSOR_FILE), 0, `a cursor is in the log ${position.log}, which isn't here`);
    }
    needed = Math.min(needed, new Lineage(lineage, log).resolve(position, 0));
  }
  if (needed < first.base) {
    const path = segmentPath(folder, first.placed.header.previous?.base ?? 0);
    throw corrupt(path, 0, `the file is missing, and a subscription needs offset ${needed}`);
  }
}

async function readKeys(fileSystem: FileSystem, path: string, keys: KeyIndex): Promise<KeyFile> {
  const side = await readSideFile(fileSystem, path);
  addKeys(keys, path, side.keys);
  return { path, lastAcceptedAt: side.meta.lastAcceptedAt };
}

function addKeys(keys: KeyIndex, path: string, entries: SideFile["keys"]): void {
  for (const { key, acceptedAt, at, bytes } of entries) keys.add(key, { acceptedAt, path, at, bytes });
}

/** A closed segment was synced whole before the next one began: whatever is wrong with it is damage. */
async function loadClosed(
  fileSystem: FileSystem,
  folder: string,
  segment: Segment,
  next: Segment,
  hasSide: boolean,
  keys: KeyIndex,
): Promise<void> {
  const expected = next.placed.header.previous?.bytes ?? 0;
  const size = await segment.use((file) => file.size());
  if (size < expected) throw corrupt(segment.path, size, `it ends there instead of at ${expected}`);
  if (!hasSide) {
    // What lies behind was a torn tail: the recovery that began the next segment has yet to cut it off.
    await segment.use((file) => scan(file, segment, expected, keys));
    if (segment.bytes !== expected) throw corrupt(segment.path, segment.bytes, "a record is damaged");
  } else {
    if (size > expected) throw corrupt(segment.path, expected, "it should end there");
    const path = sidePath(folder, segment.base);
    const { meta, keys: entries } = await readSideFile(fileSystem, path, segment.index);
    if (meta.log !== segment.placed.header.log || meta.base !== segment.base || meta.bytes !== expected) {
      throw corrupt(path, 0, `it isn't the one of ${segment.path}`);
    }
    segment.restore(meta);
    addKeys(keys, path, entries);
  }
  const { lost } = next.placed.header;
  const isSalvaged = lost?.from === segment.end && lost.to === next.base;
  if (segment.end !== next.base && !isSalvaged) {
    throw corrupt(segment.path, segment.bytes, `it ends at offset ${segment.end}, and ${next.path} follows`);
  }
}

async function loadLast(
  segment: Segment,
  keys: KeyIndex,
): Promise<Pick<Inspected, "lastGroup" | "tornBytes">> {
  return segment.use(async (file) => {
    const size = await file.size();
    const lastGroup = await scan(file, segment, size, keys);
    if (await isFollowedByLaterGroup(file, segment, size)) {
      throw corrupt(segment.path, segment.bytes, "a record is damaged, and there are whole ones behind it");
    }
    return { lastGroup, tornBytes: size - segment.bytes };
  });
}

/** Counts a segment's records up to the first that isn't whole; tells where the group of the last one begins. */
async function scan(file: File, segment: Segment, to: number, keys: KeyIndex): Promise<number> {
  const { bytes: from, seed } = segment.placed;
  const scanner = new RecordScanner(file, seed, { from, to }, SCAN_CHUNK_BYTES);
  let lastGroup = from;
  for (;;) {
    const found = scanner.peek();
    if (found === undefined) {
      if (await scanner.fill()) continue;
      return lastGroup;
    }
    const { header, buffer, at, position } = found;
    if (header.offset !== segment.end || !bodyIsValid(header, buffer, at)) return lastGroup;
    segment.add(header, position);
    lastGroup = header.groupStart;
    const body = at + RECORD_HEADER_BYTES;
    for (const entry of decodeKeysOfEntries(buffer, body, header.keyBytes)) {
      const { key, acceptedAt, bytes } = entry;
      keys.add(key, { acceptedAt, path: segment.path, at: position + entry.at - at, bytes });
    }
    scanner.advance(found);
  }
}

/**
 * Whether behind the damage there is a record of a later group. A group is written only after the one before it was
 * synced, so that such a record proves that what is damaged was once whole on disk. Records of the damaged one's own
 * group prove nothing: a power failure may keep any part of a group that was being written.
 */
async function isFollowedByLaterGroup(file: File, segment: Segment, size: number): Promise<boolean> {
  for (let from = segment.bytes; from < size; from += SCAN_CHUNK_BYTES) {
    const piece = await readFully(file, from, Math.min(SCAN_CHUNK_BYTES + RECORD_HEADER_BYTES, size - from));
    let at = piece.indexOf(RECORD_MAGIC);
    while (at >= 0) {
      const header = decodeRecordHeader(piece, segment.placed.seed, at);
      if (header !== undefined && header.groupStart > segment.bytes) return true;
      at = piece.indexOf(RECORD_MAGIC, at + 1);
    }
  }
  return false;
}
