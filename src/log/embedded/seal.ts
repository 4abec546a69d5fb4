import { corrupt } from "./corrupt.ts";
import type { FileSystem } from "../../file-system.ts";
import { decodeKeyOfEntry, decodeKeysOfEntries } from "../record/key-entry.ts";
import type { KeyIndex } from "./key-index.ts";
import { SCAN_CHUNK_BYTES } from "./limits.ts";
import { bodyIsValid, RECORD_HEADER_BYTES } from "../record/record.ts";
import { RecordScanner } from "./record-scanner.ts";
import { sidePath, type Segment } from "./segment.ts";
import { writeSideFile } from "./side-file.ts";

/** Writes the side file of a closed segment; from then on its keys are looked up there. */
export async function seal(
  fileSystem: FileSystem,
  folder: string,
  segment: Segment,
  keys: KeyIndex,
): Promise<void> {
  const entries = segment.keys === 0 ? [] : await readKeyEntries(segment);
  const path = sidePath(folder, segment.base);
  const places = await writeSideFile(
    fileSystem,
    path,
    {
      log: segment.placed.header.log,
      base: segment.base,
      end: segment.end,
      bytes: segment.bytes,
      firstAcceptedAt: segment.firstAcceptedAt ?? 0,
      lastAcceptedAt: segment.lastAcceptedAt,
    },
    segment.index,
    entries,
  );
  segment.sealed = true;
  for (const [index, at] of places.entries()) {
    const entry = entries[index];
    if (entry === undefined) continue;
    const { key, acceptedAt, bytes } = decodeKeyOfEntry(entry, 0);
    keys.moveFrom(key, segment.path, { acceptedAt, path, at, bytes });
  }
}

/** Reads the segment through once more, which also proves that what was written can be read. */
async function readKeyEntries(segment: Segment): Promise<Buffer[]> {
  return segment.use(async (file) => {
    const range = { from: segment.placed.bytes, to: segment.bytes };
    const scanner = new RecordScanner(file, segment.placed.seed, range, SCAN_CHUNK_BYTES);
    const entries: Buffer[] = [];
    while (scanner.position < segment.bytes) {
      const found = scanner.peek();
      if (found === undefined) {
        if (await scanner.fill()) continue;
        throw corrupt(segment.path, scanner.position, "a record can't be read back");
      }
      const { header, buffer, at, position } = found;
      if (!bodyIsValid(header, buffer, at)) {
        throw corrupt(segment.path, position, "a record can't be read back");
      }
      const body = at + RECORD_HEADER_BYTES;
      for (const { at: entry, bytes } of decodeKeysOfEntries(buffer, body, header.keyBytes)) {
        entries.push(Buffer.from(buffer.subarray(entry, entry + bytes)));
      }
      scanner.advance(found);
    }
    return entries;
  });
}
