import { crc32 } from "node:zlib";
import { KIB } from "../../../units.ts";
import {
  decodeSegmentHeader,
  HEADER_PREFIX_BYTES,
  headerPrefix,
  type PlacedHeader,
} from "../segment-header.ts";
import { RECORD_HEADER_BYTES, RECORD_MAGIC, hasWholeBody } from "../../record/record.ts";

/** Beyond so many bytes of a header no flipped bit is looked for: a schema of hundreds of columns has fewer. */
const FLIP_SEARCH_BYTES_MAX = 64 * KIB;

/**
 * The header of a segment whose header doesn't fit its checksum any more, as it was written, when that can be proved; else
 * undefined. The records' checksums begin with the CRC-32 of the whole header, so that the records themselves tell what
 * that was (`seed`), and a flipped bit can be found by trying them all.
 */
export function restoreHeader(segment: Buffer, seed: number | undefined): PlacedHeader | undefined {
  for (const bytes of headerLengths(segment)) {
    const json = segment.subarray(HEADER_PREFIX_BYTES, bytes);
    const stored = segment.readUInt32LE(16);
    const restored = crc32(json) === stored || seed !== undefined ? json : undefined;
    for (const candidate of [restored, flippedBack(json, stored, seed)]) {
      if (candidate === undefined) continue;
      const whole = Buffer.concat([headerPrefix(candidate), candidate]);
      if (seed !== undefined && crc32(whole) !== seed) continue;
      const placed = decodeSegmentHeader(whole);
      if (placed !== undefined) return placed;
    }
  }
  return undefined;
}

/** What the records of a segment were begun with: what most of those whose bodies are whole say; undefined without any. */
export function findSeed(segment: Buffer): number | undefined {
  const votes = new Map<number, number>();
  for (
    let at = segment.indexOf(RECORD_MAGIC);
    at >= 0 && at + RECORD_HEADER_BYTES <= segment.length;
    at = segment.indexOf(RECORD_MAGIC, at + 1)
  ) {
    if (!hasWholeBody(segment, at)) continue;
    const seed = seedOf(segment.subarray(at + 8, at + RECORD_HEADER_BYTES), segment.readUInt32LE(at + 4));
    votes.set(seed, (votes.get(seed) ?? 0) + 1);
  }
  const [best] = [...votes].sort(([, left], [, right]) => right - left);
  return best?.[0];
}

/** Where the header may end: where it says so itself, or where the first record begins. */
function headerLengths(segment: Buffer): number[] {
  if (segment.length < HEADER_PREFIX_BYTES) return [];
  const said = HEADER_PREFIX_BYTES + segment.readUInt32LE(12);
  const first = segment.indexOf(RECORD_MAGIC, HEADER_PREFIX_BYTES);
  const lengths = [said, first < 0 ? segment.length : first];
  return lengths.filter(
    (bytes, index) =>
      bytes > HEADER_PREFIX_BYTES && bytes <= segment.length && lengths.indexOf(bytes) === index,
  );
}

/** The text with the one bit turned back that makes it fit what is known of it. */
function flippedBack(json: Buffer, stored: number, seed: number | undefined): Buffer | undefined {
  if (json.length > FLIP_SEARCH_BYTES_MAX) return undefined;
  const tried = Buffer.from(json);
  for (let bit = 0; bit < tried.length * 8; bit++) {
    const [at, mask] = [bit >> 3, 1 << (bit & 7)];
    const before = tried[at] ?? 0;
    tried[at] = before ^ mask;
    const fits =
      crc32(tried) === stored || (seed !== undefined && crc32(tried, crc32(headerPrefix(tried))) === seed);
    if (fits) return tried;
    tried[at] = before;
  }
  return undefined;
}

/** With which value the CRC-32 of these bytes was begun to give this one: the checksum, computed backwards. */
export function seedOf(bytes: Buffer, crc: number): number {
  let state = ~crc >>> 0;
  for (let at = bytes.length - 1; at >= 0; at--) {
    const index = BY_TOP_BYTE[state >>> 24] ?? 0;
    state = ((((state ^ (TABLE[index] ?? 0)) << 8) >>> 0) | (index ^ (bytes[at] ?? 0))) >>> 0;
  }
  return ~state >>> 0;
}

/** The table of the CRC-32 of gzip and PNG: https://www.w3.org/TR/png-3/#D-CRCAppendix */
const TABLE = Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});
const BY_TOP_BYTE: readonly number[] = TABLE.reduce<number[]>((places, value, index) => {
  places[value >>> 24] = index;
  return places;
}, []);
