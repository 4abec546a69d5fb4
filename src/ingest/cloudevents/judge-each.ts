import { HeadraceError } from "../../errors.ts";
import type { EventError } from "../../project/event-validator.ts";
import { encodeRejected } from "../../rejected/rejected-event.ts";
import type { Judging } from "../judge.ts";
import { KEYED_EVENTS_MAX } from "../limits.ts";
import { SPLIT_DONE } from "../split/event-splitter.ts";
import type { WorkSlice } from "../work-slices.ts";

/** An event that was judged on its own, so that it can be left out of its batch when it was there before. */
export interface JudgedEvent {
  /** What names it; undefined when nothing does. */
  readonly key: string | undefined;
  /** The line for the log: the event's, or the rejected event's. Ends in a newline. */
  readonly line: Buffer;
  /** Why it was rejected; undefined when it was accepted. */
  readonly errors: readonly EventError[] | undefined;
}

/** What is counted for each event beside its line. Bytes. */
const OVERHEAD = 512;
/** A line is copied once more, among those of its batch. */
const LINE_COPIES = 2;
const NEWLINE = Buffer.from("\n");

/**
 * Judges each event of a body on its own. Others have their turn every WORK_SLICE.
 * @throws HeadraceError `body_unreadable`, `body_too_large`, `overloaded`.
 */
export async function judgeEach(body: Buffer, judging: Judging, slice: WorkSlice): Promise<JudgedEvent[]> {
  const { splitter } = judging.source;
  const events: JudgedEvent[] = [];
  for (let count = splitter.next(); count !== SPLIT_DONE; count = splitter.next()) {
    for (let i = 0; i < count; i++) {
      if (events.length === KEYED_EVENTS_MAX) throw tooMany();
      const event = judgeOne(body, splitter.ranges[2 * i] ?? 0, splitter.ranges[2 * i + 1] ?? 0, judging);
      judging.memory.take(LINE_COPIES * event.line.length + OVERHEAD);
      events.push(event);
      if (slice.isOver) await slice.pause();
    }
    if (slice.isOver) await slice.pause();
  }
  return events;
}

function judgeOne(body: Buffer, start: number, end: number, judging: Judging): JudgedEvent {
  const { stream, validator, source } = judging;
  const conversion = source.convert?.(start, end) ?? { json: body, start, end };
  const { key } = conversion;
  if ("errors" in conversion) {
    const { errors } = conversion;
    return { key, errors, line: encodeRejected({ stream, raw: body.subarray(start, end), errors }) };
  }
  const verdict = validator.validate(conversion.json, conversion.start, conversion.end);
  const raw = conversion.json.subarray(conversion.start, conversion.end);
  if (verdict === true) return { key, errors: undefined, line: Buffer.concat([raw, NEWLINE]) };
  if (Buffer.isBuffer(verdict)) {
    return { key, errors: undefined, line: Buffer.concat([verdict, NEWLINE]) };
  }
  return { key, errors: verdict, line: encodeRejected({ stream, raw, errors: verdict }) };
}

function tooMany(): HeadraceError {
  return new HeadraceError(
    "body_too_large",
    `The body has more than ${KEYED_EVENTS_MAX} CloudEvents, each of which is remembered by its source and id: ` +
      "send smaller batches, or give the batch an Idempotency-Key",
    { details: { max: KEYED_EVENTS_MAX } },
  );
}
