import { crc32 } from "node:zlib";
import { corrupt } from "./corrupt.ts";
import { readFully, replaceFile, type FileSystem } from "../../file-system.ts";
import { decodeKeyOfEntry, type KeyOfEntry } from "../record/key-entry.ts";
import type { SegmentIndex } from "./segment-index.ts";
import { readU64, writeU64 } from "../record/u64.ts";

/** What a start needs of a closed segment, so that it needn't read it. It outlives the segment while keys are remembered. */
export interface SideFile {
  readonly meta: SideMeta;
  readonly keys: readonly (KeyOfEntry & { readonly at: number })[];
}

export interface SideMeta {
  readonly log: string;
  readonly base: number;
  readonly end: number;
  /** Length of the segment's file. */
  readonly bytes: number;
  readonly firstAcceptedAt: number;
  readonly lastAcceptedAt: number;
  readonly keys: number;
  readonly indexEntries: number;
}

const MAGIC = Buffer.from("\x89HRSIDE1", "latin1");
/** Magic, CRC-32 of all that follows it, length of the JSON. */
const PREFIX_BYTES = 16;
const INDEX_ENTRY_BYTES = 12;

/** Writes the side file, durably, and tells where each key entry came to lie in it. */
export async function writeSideFile(
  fileSystem: FileSystem,
  path: string,
  meta: Omit<SideMeta, "keys" | "indexEntries">,
  index: SegmentIndex,
  keyEntries: readonly Buffer[],
): Promise<readonly number[]> {
  const indexEntries = [...index.entries()];
  const json = Buffer.from(
    JSON.stringify({ ...meta, keys: keyEntries.length, indexEntries: indexEntries.length }),
  );
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(json.length, 12);
  const table = Buffer.alloc(indexEntries.length * INDEX_ENTRY_BYTES);
  for (const [row, [offset, position]] of indexEntries.entries()) {
    writeU64(table, offset, row * INDEX_ENTRY_BYTES);
    table.writeUInt32LE(position, row * INDEX_ENTRY_BYTES + 8);
  }
  let checksum = crc32(prefix.subarray(12));
  for (const buffer of [json, table, ...keyEntries]) checksum = crc32(buffer, checksum);
  prefix.writeUInt32LE(checksum, 8);
  await replaceFile(fileSystem, path, [prefix, json, table, ...keyEntries]);
  const places: number[] = [];
  let at = PREFIX_BYTES + json.length + table.length;
  for (const entry of keyEntries) {
    places.push(at);
    at += entry.length;
  }
  return places;
}

/** Reads a side file whole; anything wrong with it is `log_corrupt`. Fills `index` when one is given. */
export async function readSideFile(
  fileSystem: FileSystem,
  path: string,
  index?: SegmentIndex,
): Promise<SideFile> {
  const file = await fileSystem.open(path, "read");
  let buffer: Buffer;
  try {
    buffer = await readFully(file, 0, await file.size());
  } finally {
    await file.close();
  }
  if (buffer.length < PREFIX_BYTES || !buffer.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw corrupt(path, 0, "it doesn't begin as a side file does");
  }
  if (crc32(buffer.subarray(12)) !== buffer.readUInt32LE(8)) {
    throw corrupt(path, 8, "it doesn't fit its checksum");
  }
  let at = PREFIX_BYTES + buffer.readUInt32LE(12);
  // What passed the checksum is what `writeSideFile` was given.
  const meta = JSON.parse(buffer.toString("utf8", PREFIX_BYTES, at)) as SideMeta;
  for (let row = 0; row < meta.indexEntries; row += 1, at += INDEX_ENTRY_BYTES) {
    index?.note(readU64(buffer, at), buffer.readUInt32LE(at + 8));
  }
  const keys: (KeyOfEntry & { at: number })[] = [];
  while (keys.length < meta.keys) {
    const key = decodeKeyOfEntry(buffer, at);
    keys.push({ ...key, at });
    at += key.bytes;
  }
  return { meta, keys };
}
