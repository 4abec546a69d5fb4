import type { LogBatch } from "../log/log.ts";
import type { PlannedBatch, Span } from "../store/store.ts";
import { join, offsetsOf, within, type Spans } from "./spans.ts";

/** Which lines of a log's batches: those for the stream's table, or those for the table of rejected events. */
export type Section = "events" | "rejected";

/** The offsets of a batch's section. */
export function sectionOf(batch: LogBatch, section: Section): Span {
  const middle = batch.offset + batch.events.count;
  return section === "events"
    ? { from: batch.offset, to: middle }
    : { from: middle, to: middle + batch.rejected.count };
}

/** The offsets of the section of all these batches. */
export function offsetsIn(batches: readonly LogBatch[], section: Section): Spans {
  return join(batches.map((batch) => sectionOf(batch, section)));
}

/** The offset after a batch's last. */
export function endOf(batch: LogBatch): number {
  return batch.offset + batch.events.count + batch.rejected.count;
}

/** The rows of a set of offsets, which all lie in one section of these batches, ready for the store. */
export function planRows(batches: readonly LogBatch[], section: Section, offsets: Spans): PlannedBatch {
  const lines: Buffer[] = [];
  const runs: { readonly span: Span; readonly acceptedAt: number }[] = [];
  for (const batch of batches) {
    const range = sectionOf(batch, section);
    const { bytes } = batch[section];
    let [position, reached] = [0, range.from];
    for (const span of within(offsets, range)) {
      const start = skipLines(bytes, position, span.from - reached);
      // The section's end needs no counting of lines: most batches are taken whole.
      const end = span.to === range.to ? bytes.length : skipLines(bytes, start, span.to - span.from);
      lines.push(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
      runs.push({ span, acceptedAt: batch.acceptedAt });
      [position, reached] = [end, span.to];
    }
  }
  return { ...identities(batches, runs), lines };
}

/** The lines of a set of offsets, without their newlines, in order. */
export function* linesOf(
  batches: readonly LogBatch[],
  section: Section,
  offsets: Spans,
): Generator<{ readonly offset: number; readonly line: Buffer; readonly acceptedAt: number }> {
  for (const batch of batches) {
    const range = sectionOf(batch, section);
    const { bytes } = batch[section];
    let [position, reached] = [0, range.from];
    for (const offset of offsetsOf(within(offsets, range))) {
      const start = skipLines(bytes, position, offset - reached);
      [position, reached] = [skipLines(bytes, start, 1), offset + 1];
      yield { offset, line: bytes.subarray(start, position - 1), acceptedAt: batch.acceptedAt };
    }
  }
}

function identities(
  batches: readonly LogBatch[],
  runs: readonly { readonly span: Span; readonly acceptedAt: number }[],
): Omit<PlannedBatch, "lines"> {
  const [first] = batches;
  if (first === undefined) throw new RangeError("rows are planned of at least one batch");
  const { log, partition, schema } = first;
  const count = runs.reduce((sum, { span }) => sum + span.to - span.from, 0);
  const offsets = new Float64Array(count);
  const acceptedAt = new Float64Array(count);
  let row = 0;
  for (const run of runs) {
    const { from, to } = run.span;
    acceptedAt.fill(run.acceptedAt, row, row + to - from);
    for (let offset = from; offset < to; offset++) offsets[row++] = offset;
  }
  return { log, partition, schema, count, offsets, acceptedAt };
}

const NEWLINE = 0x0a;

/** The position after so many lines. */
function skipLines(bytes: Buffer, start: number, count: number): number {
  let position = start;
  for (let line = 0; line < count; line++) {
    const end = bytes.indexOf(NEWLINE, position);
    if (end === -1) throw new RangeError("a batch has fewer lines than its count says");
    position = end + 1;
  }
  return position;
}
