import { randomUUID } from "node:crypto";
import type { LogBatch } from "../log.ts";
import { HeadraceError } from "../../errors.ts";
import type { StreamSchema } from "../../project/column.ts";
import { decodeKeysOfEntries } from "../record/key-entry.ts";
import { recordHeader, type PreparedBatch } from "../record/prepared-batch.ts";
import {
  bodyIsValid,
  decodeRecordHeader,
  encodeRecordHeader,
  RECORD_HEADER_BYTES,
  recordBytes,
} from "../record/record.ts";
import type { PlacedKey } from "./message.ts";

/** The records' checksums are seeded by their place in the embedded log; here they have none. */
const SEED = 0;

/** Records one after the other, as they are in the embedded log's segments, with the places of their keys. */
export interface EncodedGroup {
  /** Names the attempt: the messages' ids begin with it. */
  readonly id: string;
  readonly bytes: Buffer;
  readonly keys: readonly PlacedKey[];
  readonly count: number;
  readonly accepted: number;
}

export function encodeGroup(group: readonly PreparedBatch[], offset: number): EncodedGroup {
  const bytes = Buffer.allocUnsafe(group.reduce((sum, prepared) => sum + prepared.bytes, 0));
  const keys: PlacedKey[] = [];
  let next = offset;
  let at = 0;
  for (const prepared of group) {
    encodeRecordHeader(recordHeader(prepared, next, 0), SEED, bytes, at);
    at += RECORD_HEADER_BYTES;
    const { keyEntries, batch } = prepared;
    if (keyEntries !== undefined) {
      for (const key of decodeKeysOfEntries(keyEntries, 0, keyEntries.length)) {
        keys.push({ ...key, at: at + key.at });
      }
      at += keyEntries.copy(bytes, at);
    }
    for (const buffer of batch.events.bytes) at += buffer.copy(bytes, at);
    for (const buffer of batch.rejected.bytes) at += buffer.copy(bytes, at);
    next += batch.events.count + batch.rejected.count;
  }
  const accepted = group.at(-1)?.batch.acceptedAt ?? 0;
  return { id: randomUUID(), bytes, keys, count: next - offset, accepted };
}

/** The keys of a group's records, for when they don't stand in the headers. */
export function keysOfGroup(bytes: Buffer): PlacedKey[] {
  const keys: PlacedKey[] = [];
  forEachRecord(bytes, (header, at) => {
    const start = at + RECORD_HEADER_BYTES;
    for (const key of decodeKeysOfEntries(bytes, start, header.keyBytes)) keys.push(key);
  });
  return keys;
}

/** The batches of a group. Their bytes are slices of the group's. */
export function batchesOf(
  bytes: Buffer,
  place: { readonly log: string; readonly partition: number; readonly schema: StreamSchema },
): LogBatch[] {
  const batches: LogBatch[] = [];
  forEachRecord(bytes, (header, at) => {
    const events = at + RECORD_HEADER_BYTES + header.keyBytes;
    const rejected = events + header.eventBytes;
    batches.push({
      ...place,
      offset: header.offset,
      acceptedAt: header.acceptedAt,
      events: { count: header.eventCount, bytes: bytes.subarray(events, rejected) },
      rejected: {
        count: header.rejectedCount,
        bytes: bytes.subarray(rejected, rejected + header.rejectedBytes),
      },
    });
  });
  return batches;
}

function forEachRecord(
  bytes: Buffer,
  use: (header: NonNullable<ReturnType<typeof decodeRecordHeader>>, at: number) => void,
): void {
  for (let at = 0; at < bytes.length;) {
    const header = decodeRecordHeader(bytes, SEED, at);
    if (header === undefined || !bodyIsValid(header, bytes, at)) {
      throw new HeadraceError("log_corrupt", `a message of the log doesn't fit its checksum at byte ${at}`);
    }
    use(header, at);
    at += recordBytes(header);
  }
}
