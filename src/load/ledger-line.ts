import { crc32 } from "node:zlib";
import { HeadraceError } from "../errors.ts";
import type { LedgerEntry } from "./ledger-state.ts";

/**
 * A line of the ledger: CRC-32 of the JSON text in 8 hex digits, a space, the JSON text, "\n". A person can read it
 * with any tool.
 */
export function encodeEntry(entry: LedgerEntry): Buffer {
  const json = Buffer.from(JSON.stringify(entry));
  return Buffer.concat([Buffer.from(`${checksum(json)} `), json, Buffer.from("\n")]);
}

/**
 * The entries of a file. An end that was being written when the process died is left out: what it would have
 * announced had not begun. Throws `ledger_corrupt` for anything else that isn't as it was written.
 */
export function decodeEntries(bytes: Buffer, path: string): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    const entry = newline === -1 ? undefined : decode(bytes.subarray(start, end));
    if (entry === undefined) {
      if (start > 0 && !hasEntryAfter(bytes, end)) return entries;
      throw new HeadraceError("ledger_corrupt", `${path} is damaged at byte ${start}`);
    }
    entries.push(entry);
    start = end + 1;
  }
  return entries;
}

const NEWLINE = 0x0a;
const CHECKSUM_LENGTH = 8;

function checksum(json: Buffer): string {
  return crc32(json).toString(16).padStart(CHECKSUM_LENGTH, "0");
}

function decode(line: Buffer): LedgerEntry | undefined {
  const json = line.subarray(CHECKSUM_LENGTH + 1);
  if (line.toString("latin1", 0, CHECKSUM_LENGTH + 1) !== `${checksum(json)} `) return undefined;
  // What fits its checksum is what `encodeEntry` was given.
  return JSON.parse(json.toString()) as LedgerEntry;
}

function hasEntryAfter(bytes: Buffer, from: number): boolean {
  for (let start = from + 1; start < bytes.length;) {
    const end = bytes.indexOf(NEWLINE, start);
    if (end === -1) return false;
    if (decode(bytes.subarray(start, end)) !== undefined) return true;
    start = end + 1;
  }
  return false;
}
