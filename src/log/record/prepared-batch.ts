import { crc32 } from "node:zlib";
import { HeadraceError } from "../../errors.ts";
import { RECORD_BYTES_MAX } from "../limits.ts";
import type { Lines, NewBatch } from "../log.ts";
import { encodeKeyEntry } from "./key-entry.ts";
import { RECORD_HEADER_BYTES, type RecordHeader } from "./record.ts";

/** A batch made ready as a record as far as that goes before its offset is known. */
export interface PreparedBatch {
  readonly batch: NewBatch;
  /** The entries of its keys, one after the other. */
  readonly keyEntries: Buffer | undefined;
  readonly eventBytes: number;
  readonly rejectedBytes: number;
  readonly bodyCrc: number;
  /** Of the whole record. */
  readonly bytes: number;
}

/** Checks and sums up a batch; what is too large or not well-formed is refused here. */
export function prepareBatch(batch: NewBatch): PreparedBatch {
  const keyEntries = encodeKeys(batch);
  const eventBytes = checkedBytes(batch.events, "events");
  const rejectedBytes = checkedBytes(batch.rejected, "rejected events");
  if (batch.events.count + batch.rejected.count === 0) throw malformed("it is empty");
  if (!Number.isSafeInteger(batch.acceptedAt) || batch.acceptedAt < 0) {
    throw malformed(`its accept time is ${batch.acceptedAt}`);
  }
  const bytes = RECORD_HEADER_BYTES + (keyEntries?.length ?? 0) + eventBytes + rejectedBytes;
  if (bytes > RECORD_BYTES_MAX) {
    throw new HeadraceError(
      "body_too_large",
      `a batch may take ${RECORD_BYTES_MAX} bytes in the log, this one takes ${bytes}`,
    );
  }
  let bodyCrc = keyEntries === undefined ? 0 : crc32(keyEntries);
  for (const buffer of batch.events.bytes) bodyCrc = crc32(buffer, bodyCrc);
  for (const buffer of batch.rejected.bytes) bodyCrc = crc32(buffer, bodyCrc);
  return { batch, keyEntries, eventBytes, rejectedBytes, bodyCrc, bytes };
}

function encodeKeys({ key, eventKeys = [], acceptedAt }: NewBatch): Buffer | undefined {
  const keys = key === undefined ? eventKeys : [key, ...eventKeys];
  if (keys.length === 0) return undefined;
  return Buffer.concat(keys.map((each) => encodeKeyEntry({ ...each, acceptedAt })));
}

function checkedBytes(lines: Lines, what: string): number {
  let bytes = 0;
  for (const buffer of lines.bytes) bytes += buffer.length;
  if (!Number.isSafeInteger(lines.count) || lines.count < 0 || lines.count > bytes) {
    throw malformed(`it says that ${bytes} bytes hold ${lines.count} ${what}`);
  }
  if (lines.count === 0 && bytes > 0) throw malformed(`it has ${bytes} bytes of no ${what}`);
  return bytes;
}

function malformed(what: string): HeadraceError {
  return new HeadraceError("internal_error", `a batch can't be appended: ${what}`);
}

/** The header of its record at an offset. `groupStart` is the embedded log's. */
export function recordHeader(prepared: PreparedBatch, offset: number, groupStart: number): RecordHeader {
  const { batch } = prepared;
  return {
    offset,
    acceptedAt: batch.acceptedAt,
    groupStart,
    eventCount: batch.events.count,
    rejectedCount: batch.rejected.count,
    keyBytes: prepared.keyEntries?.length ?? 0,
    eventBytes: prepared.eventBytes,
    rejectedBytes: prepared.rejectedBytes,
    bodyCrc: prepared.bodyCrc,
  };
}
