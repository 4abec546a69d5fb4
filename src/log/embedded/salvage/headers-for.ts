import type { StreamSchema } from "../../../project/column.ts";
import type { Position } from "../../log.ts";
import { newLogId } from "../heal.ts";
import { Lineage } from "../../lineage.ts";
import { RECORD_HEADER_BYTES } from "../../record/record.ts";
import type { SegmentHeader } from "../segment-header.ts";
import type { LogExamination } from "./examine-log.ts";
import type { SegmentScan, WholeRecord } from "./scan-segment.ts";

/** What is taken to hold for a segment whose header is lost. */
export interface Assumption {
  /** Today's. */
  readonly schema: StreamSchema;
  /** Whether a line is one that today's schema makes of an event, byte for byte. */
  accepts(line: Buffer): boolean;
  /** Positions that are known from elsewhere, such as the ledger's. */
  readonly positions: readonly Position[];
}

export interface KnownSegment {
  readonly scan: SegmentScan;
  /** Undefined when nothing can be taken to hold. */
  readonly header: SegmentHeader | undefined;
  /** Whether a record can be saved. */
  accepts(segment: Buffer, record: WholeRecord): boolean;
}

/**
 * The header of each segment. Where it is lost, the schema is today's, for those batches of which every event fits it, and the log
 * id is the one that later segments, cursors or the ledger name for these offsets. If none does, nothing of the segment is in the
 * store, and a new id is as good.
 */
export function headersFor(
  { stream, segments, cursors }: LogExamination,
  assumption: Assumption,
): KnownSegment[] {
  const positions = [...cursors.values(), ...assumption.positions];
  return segments.map((scan, index) => {
    if (scan.header !== undefined) return { scan, header: scan.header, accepts: () => true };
    const later = segments.slice(index + 1).find(({ header }) => header !== undefined)?.header;
    const named = positions.find(({ offset }) => offset > scan.base)?.log;
    const log =
      later === undefined ? (named ?? newLogId()) : new Lineage(later.lineage, later.log).logAt(scan.base);
    const before = segments.slice(0, index).findLast(({ header }) => header !== undefined)?.header;
    const header: SegmentHeader = {
      stream,
      log,
      base: scan.base,
      previous: undefined,
      lineage: earlierLogs(before, later, log, scan.base),
      schema: assumption.schema,
    };
    return { scan, header, accepts: (segment, record) => fits(assumption, segment, record) };
  });
}

function earlierLogs(
  before: SegmentHeader | undefined,
  later: SegmentHeader | undefined,
  log: string,
  base: number,
): SegmentHeader["lineage"] {
  if (later !== undefined) {
    const own = later.lineage.findIndex((ended) => ended.log === log);
    return own < 0 ? later.lineage : later.lineage.slice(0, own);
  }
  if (before === undefined) return [];
  return before.log === log ? before.lineage : [...before.lineage, { log: before.log, end: base }];
}

function fits(assumption: Assumption, segment: Buffer, { header, at }: WholeRecord): boolean {
  const from = at + RECORD_HEADER_BYTES + header.keyBytes;
  const end = from + header.eventBytes;
  let count = 0;
  for (let line = from; line < end; count += 1) {
    const newline = segment.indexOf(NEWLINE, line);
    if (newline < 0 || newline >= end || !assumption.accepts(segment.subarray(line, newline))) return false;
    line = newline + 1;
  }
  return count === header.eventCount;
}

const NEWLINE = 0x0a;
