import { crc32 } from "node:zlib";
import { RECORD_BYTES_MAX } from "../limits.ts";
import { readU64, writeU64 } from "./u64.ts";

/**
 * A record is a batch on disk: a header of 64 bytes, the key entries if there are any, the events, the rejected events.
 * docs/LOG-FORMAT.md has the layout.
 */
export interface RecordHeader {
  /** Offset of the first event. */
  readonly offset: number;
  readonly acceptedAt: number;
  /** Where in the segment the group begins that this record was written with: all before it was synced by then. */
  readonly groupStart: number;
  readonly eventCount: number;
  readonly rejectedCount: number;
  readonly keyBytes: number;
  readonly eventBytes: number;
  readonly rejectedBytes: number;
  /** CRC-32 of all that follows the header. */
  readonly bodyCrc: number;
}

export const RECORD_HEADER_BYTES = 64;
/** The first byte can't stand in UTF-8 text, so that events are never taken for a record. */
export const RECORD_MAGIC = Buffer.from([0x89, 0x48, 0x52, 0x0a]);

/** `seed` is the segment's: a record that lies in another segment than it was written to is not valid there. */
export function encodeRecordHeader(header: RecordHeader, seed: number, into: Buffer, at: number): void {
  RECORD_MAGIC.copy(into, at);
  into.writeUInt32LE(header.bodyCrc, at + 8);
  into.writeUInt32LE(header.groupStart, at + 12);
  writeU64(into, header.offset, at + 16);
  writeU64(into, header.acceptedAt, at + 24);
  into.writeUInt32LE(header.eventCount, at + 32);
  into.writeUInt32LE(header.rejectedCount, at + 36);
  into.writeUInt32LE(header.keyBytes, at + 40);
  into.writeUInt32LE(header.eventBytes, at + 44);
  into.writeUInt32LE(header.rejectedBytes, at + 48);
  into.fill(0, at + 52, at + RECORD_HEADER_BYTES);
  into.writeUInt32LE(headerCrc(into, seed, at), at + 4);
}

/** The header at a place, or undefined when there is no whole and valid one. */
export function decodeRecordHeader(from: Buffer, seed: number, at: number): RecordHeader | undefined {
  if (at + RECORD_HEADER_BYTES > from.length) return undefined;
  if (from.compare(RECORD_MAGIC, 0, RECORD_MAGIC.length, at, at + RECORD_MAGIC.length) !== 0)
    return undefined;
  if (from.readUInt32LE(at + 4) !== headerCrc(from, seed, at)) return undefined;
  const header = fieldsOf(from, at);
  return recordBytes(header) > RECORD_BYTES_MAX ? undefined : header;
}

/** Whether there is a record with a whole body at a place, whatever its header's checksum was begun with. */
export function hasWholeBody(from: Buffer, at: number): boolean {
  const header = fieldsOf(from, at);
  return recordBytes(header) <= RECORD_BYTES_MAX && bodyIsValid(header, from, at);
}

function fieldsOf(from: Buffer, at: number): RecordHeader {
  return {
    bodyCrc: from.readUInt32LE(at + 8),
    groupStart: from.readUInt32LE(at + 12),
    offset: readU64(from, at + 16),
    acceptedAt: readU64(from, at + 24),
    eventCount: from.readUInt32LE(at + 32),
    rejectedCount: from.readUInt32LE(at + 36),
    keyBytes: from.readUInt32LE(at + 40),
    eventBytes: from.readUInt32LE(at + 44),
    rejectedBytes: from.readUInt32LE(at + 48),
  };
}

function headerCrc(buffer: Buffer, seed: number, at: number): number {
  return crc32(buffer.subarray(at + 8, at + RECORD_HEADER_BYTES), seed);
}

/** Length of the whole record. */
export function recordBytes(header: RecordHeader): number {
  return RECORD_HEADER_BYTES + header.keyBytes + header.eventBytes + header.rejectedBytes;
}

/** The offset after the record's last. */
export function recordEnd(header: RecordHeader): number {
  return header.offset + header.eventCount + header.rejectedCount;
}

/** Whether the whole record lies in the buffer and its body is as it was written. */
export function bodyIsValid(header: RecordHeader, from: Buffer, at: number): boolean {
  const end = at + recordBytes(header);
  return end <= from.length && crc32(from.subarray(at + RECORD_HEADER_BYTES, end)) === header.bodyCrc;
}
