import { crc32 } from "node:zlib";
import type { StreamSchema } from "../../project/column.ts";
import { corrupt } from "./corrupt.ts";
import type { Ended } from "../lineage.ts";
import { readFully, type File } from "../../file-system.ts";
import { SEGMENT_HEADER_BYTES_MAX } from "./limits.ts";

/** What a segment's first bytes say. JSON, so that a person can read it. */
export interface SegmentHeader {
  readonly stream: string;
  /** The log id: see Position. */
  readonly log: string;
  /** Offset of the first event; the file is named by it. */
  readonly base: number;
  /** The segment before this one, and how many of its bytes count: what lies behind them was a torn tail. */
  readonly previous: { readonly base: number; readonly bytes: number } | undefined;
  /** Earlier log ids, oldest first, each with the offset at which it ended. */
  readonly lineage: readonly Ended[];
  /** Offsets before `base` that a salvage could not save: the segment before ends where they begin. */
  readonly lost?: LostOffsets | undefined;
  /** What every batch of the segment was validated with. */
  readonly schema: StreamSchema;
}

export interface LostOffsets {
  readonly from: number;
  /** Excluded. */
  readonly to: number;
}

/** A header with where the records begin, and what their checksums are seeded with. */
export interface PlacedHeader {
  readonly header: SegmentHeader;
  readonly bytes: number;
  readonly seed: number;
}

const MAGIC = Buffer.from("\x89HRSEG1\n", "latin1");
const VERSION = 1;
/** Magic, version, length of the JSON, CRC-32 of the JSON. */
export const HEADER_PREFIX_BYTES = 20;

export function encodeSegmentHeader(header: SegmentHeader): { placed: PlacedHeader; buffer: Buffer } {
  const json = Buffer.from(JSON.stringify(header));
  const buffer = Buffer.concat([headerPrefix(json), json]);
  return { placed: { header, bytes: buffer.length, seed: crc32(buffer) }, buffer };
}

/** What stands before the JSON text. */
export function headerPrefix(json: Buffer): Buffer {
  const prefix = Buffer.alloc(HEADER_PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(VERSION, 8);
  prefix.writeUInt32LE(json.length, 12);
  prefix.writeUInt32LE(crc32(json), 16);
  return prefix;
}

/** The header of which a buffer holds the beginning of a segment; undefined when anything is wrong with it. */
export function decodeSegmentHeader(segment: Buffer): PlacedHeader | undefined {
  if (segment.length < HEADER_PREFIX_BYTES) return undefined;
  const bytes = HEADER_PREFIX_BYTES + segment.readUInt32LE(12);
  if (bytes > segment.length) return undefined;
  const json = segment.subarray(HEADER_PREFIX_BYTES, bytes);
  if (!headerPrefix(json).equals(segment.subarray(0, HEADER_PREFIX_BYTES))) return undefined;
  return placed(json, segment.subarray(0, HEADER_PREFIX_BYTES));
}

function placed(json: Buffer, prefix: Buffer): PlacedHeader {
  return {
    // What passed the checksum is what `encodeSegmentHeader` was given.
    header: JSON.parse(json.toString("utf8")) as SegmentHeader,
    bytes: prefix.length + json.length,
    seed: crc32(json, crc32(prefix)),
  };
}

/** Reads a segment's header; anything wrong with it is `log_corrupt`. */
export async function readSegmentHeader(file: File, path: string): Promise<PlacedHeader> {
  const prefix = await readFully(file, 0, HEADER_PREFIX_BYTES);
  if (prefix.length < HEADER_PREFIX_BYTES || !prefix.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw corrupt(path, 0, "it doesn't begin as a segment does");
  }
  const version = prefix.readUInt32LE(8);
  if (version !== VERSION) {
    throw corrupt(path, 8, `it has format version ${version}, and this Headrace reads version ${VERSION}`);
  }
  const length = prefix.readUInt32LE(12);
  const json =
    length > SEGMENT_HEADER_BYTES_MAX ? undefined : await readFully(file, HEADER_PREFIX_BYTES, length);
  if (json?.length !== length || crc32(json) !== prefix.readUInt32LE(16)) {
    throw corrupt(path, 12, "its header doesn't fit its checksum");
  }
  return placed(json, prefix);
}
