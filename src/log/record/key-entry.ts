import { crc32 } from "node:zlib";
import { HeadraceError } from "../../errors.ts";
import type { KeyedAnswer } from "../log.ts";
import { KEY_BYTES_MAX } from "../limits.ts";
import { readU64, writeU64 } from "./u64.ts";

/**
 * An idempotency key with the answer that it stands for. It lies the same way in a record and in a side file, with a
 * checksum of its own, so that one can be looked up without reading the events beside it. A record has an entry for each
 * of its keys, one after the other.
 */
export interface KeyEntry extends KeyedAnswer {
  readonly key: string;
  readonly acceptedAt: number;
}

const ENTRY_HEADER_BYTES = 20;

export function encodeKeyEntry(entry: KeyEntry): Buffer {
  const keyBytes = Buffer.byteLength(entry.key);
  const hashBytes = Buffer.byteLength(entry.bodyHash);
  const answerBytes = Buffer.byteLength(entry.answer);
  if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX || hashBytes > KEY_BYTES_MAX) {
    throw new HeadraceError(
      "bad_request",
      `an idempotency key has 1 to ${KEY_BYTES_MAX} bytes, this one has ${keyBytes}`,
    );
  }
  const into = Buffer.allocUnsafe(ENTRY_HEADER_BYTES + keyBytes + hashBytes + answerBytes);
  into.writeUInt16LE(keyBytes, 4);
  into.writeUInt16LE(hashBytes, 6);
  into.writeUInt32LE(answerBytes, 8);
  writeU64(into, entry.acceptedAt, 12);
  let at = ENTRY_HEADER_BYTES;
  at += into.write(entry.key, at);
  at += into.write(entry.bodyHash, at);
  into.write(entry.answer, at);
  into.writeUInt32LE(crc32(into.subarray(4)), 0);
  return into;
}

/** Reads an entry that is all of a buffer; undefined when it isn't whole and valid. */
export function decodeKeyEntry(from: Buffer): KeyEntry | undefined {
  if (from.length < ENTRY_HEADER_BYTES) return undefined;
  const keyEnd = ENTRY_HEADER_BYTES + from.readUInt16LE(4);
  const hashEnd = keyEnd + from.readUInt16LE(6);
  const end = hashEnd + from.readUInt32LE(8);
  if (end !== from.length || crc32(from.subarray(4)) !== from.readUInt32LE(0)) return undefined;
  return {
    key: from.toString("utf8", ENTRY_HEADER_BYTES, keyEnd),
    bodyHash: from.toString("utf8", keyEnd, hashEnd),
    answer: from.toString("utf8", hashEnd, end),
    acceptedAt: readU64(from, 12),
  };
}

/** What the index of keys needs of an entry: a start reads a million of them, so the rest is left where it lies. */
export interface KeyOfEntry {
  readonly key: string;
  readonly acceptedAt: number;
  /** Length of the whole entry. */
  readonly bytes: number;
}

/** Reads the keys of the entries that fill `length` bytes, with their places, in bytes whose checksum was compared already. */
export function* decodeKeysOfEntries(
  from: Buffer,
  start: number,
  length: number,
): Generator<KeyOfEntry & { readonly at: number }> {
  for (let at = start; at < start + length;) {
    const entry = decodeKeyOfEntry(from, at);
    yield { ...entry, at };
    at += entry.bytes;
  }
}

/** Reads the key of the entry that begins at a place, in bytes whose checksum was compared already. */
export function decodeKeyOfEntry(from: Buffer, at: number): KeyOfEntry {
  const keyBytes = from.readUInt16LE(at + 4);
  return {
    key: from.toString("utf8", at + ENTRY_HEADER_BYTES, at + ENTRY_HEADER_BYTES + keyBytes),
    acceptedAt: readU64(from, at + 12),
    bytes: ENTRY_HEADER_BYTES + keyBytes + from.readUInt16LE(at + 6) + from.readUInt32LE(at + 8),
  };
}
