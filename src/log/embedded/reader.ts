import type { LogBatch, ReadLimit } from "../log.ts";
import { corrupt } from "./corrupt.ts";
import { READ_CHUNK_BYTES_MAX, READ_CHUNK_BYTES_MIN } from "./limits.ts";
import { bodyIsValid, RECORD_HEADER_BYTES, recordEnd } from "../record/record.ts";
import { RecordScanner, type FoundRecord } from "./record-scanner.ts";
import type { Segment } from "./segment.ts";

/**
 * Reads batches from the one that holds `from` on. What isn't durable isn't looked at, because the segments' figures
 * don't count it. The batches' bytes are slices of a few large buffers.
 */
export async function readBatches(
  segments: readonly Segment[],
  from: number,
  limit: ReadLimit,
): Promise<LogBatch[]> {
  const page: Page = { batches: [], bytes: 0, events: 0, full: false };
  for (const segment of segments) {
    if (segment.end <= from || segment.empty) continue;
    await readSegment(segment, from, limit, page);
    if (page.full) break;
  }
  return page.batches;
}

interface Page {
  readonly batches: LogBatch[];
  bytes: number;
  events: number;
  full: boolean;
}

async function readSegment(segment: Segment, from: number, limit: ReadLimit, page: Page): Promise<void> {
  const start = segment.index.before(from) ?? segment.placed.bytes;
  // Taken now: what is appended while this reads is left to the next read.
  const to = segment.bytes;
  const left = limit.bytes - page.bytes;
  const chunk = Math.min(Math.max(left, READ_CHUNK_BYTES_MIN), READ_CHUNK_BYTES_MAX);
  await segment.use(async (file) => {
    const scanner = new RecordScanner(file, segment.placed.seed, { from: start, to }, chunk);
    while (scanner.position < to) {
      const found = scanner.peek();
      if (found === undefined) {
        if (await scanner.fill()) continue;
        throw corrupt(segment.path, scanner.position, "a record can't be read");
      }
      if (recordEnd(found.header) > from) {
        addBatch(segment, found, limit, page);
        if (page.full) return;
      }
      scanner.advance(found);
    }
  });
}

function addBatch(segment: Segment, found: FoundRecord, limit: ReadLimit, page: Page): void {
  const { header, buffer, at } = found;
  const bytes = header.eventBytes + header.rejectedBytes;
  const overLimit = page.bytes + bytes > limit.bytes || page.events + header.eventCount > limit.events;
  if (page.batches.length > 0 && overLimit) {
    page.full = true;
    return;
  }
  if (!bodyIsValid(header, buffer, at)) {
    throw corrupt(segment.path, found.position, "a record doesn't fit its checksum");
  }
  page.bytes += bytes;
  page.events += header.eventCount;
  const events = at + RECORD_HEADER_BYTES + header.keyBytes;
  const rejected = events + header.eventBytes;
  page.batches.push({
    log: segment.placed.header.log,
    partition: 0,
    offset: header.offset,
    acceptedAt: header.acceptedAt,
    schema: segment.placed.header.schema,
    events: { count: header.eventCount, bytes: buffer.subarray(events, rejected) },
    rejected:
      header.rejectedCount === 0
        ? NONE
        : { count: header.rejectedCount, bytes: buffer.subarray(rejected, rejected + header.rejectedBytes) },
  });
}

/** Of most batches; one for all of them, since a small batch is hardly more than the objects that hold it. */
const NONE: LogBatch["rejected"] = { count: 0, bytes: Buffer.alloc(0) };
