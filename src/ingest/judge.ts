import type { Lines } from "../log/log.ts";
import type { EventError, EventValidator } from "../project/event-validator.ts";
import { encodeRejected } from "../rejected/rejected-event.ts";
import { KIB } from "../units.ts";
import type { IngestError } from "./answer.ts";
import type { Conversion, EventSource } from "./event-source.ts";
import type { MemoryShare } from "./in-flight-bytes.ts";
import { LineChunks } from "./line-chunks.ts";
import { LineCollector } from "./lines.ts";
import { ANSWER_ERRORS_MAX } from "./limits.ts";
import { SPLIT_DONE } from "./split/event-splitter.ts";
import type { WorkSlice } from "./work-slices.ts";

/** Bytes of accepted events between two looks at the clock: some 50 µs of work. */
const CLOCK_BYTES = 64 * KIB;
/** How much more work a byte is that has to be made JSON first. */
const CONVERTED_COST = 8;

export interface JudgedBatch {
  readonly events: Lines;
  readonly rejected: Lines;
  /** The first ANSWER_ERRORS_MAX. */
  readonly errors: readonly IngestError[];
}

export interface Judging {
  readonly stream: string;
  readonly validator: EventValidator;
  readonly source: EventSource;
  readonly memory: MemoryShare;
  /** Whether rejected events are wanted, or only their count and reasons. */
  readonly keepRejected: boolean;
}

/**
 * Splits a body into its events and validates each: what is good becomes lines for the log, what is bad becomes rejected
 * events. Others have their turn every WORK_SLICE. The body is written to, between its events.
 *
 * @throws HeadraceError `body_unreadable`, `body_too_large`, `overloaded`.
 */
export async function judge(body: Buffer, judging: Judging, slice: WorkSlice): Promise<JudgedBatch> {
  const bench = new Bench(body, judging);
  const { splitter } = judging.source;
  for (let count = splitter.next(); count !== SPLIT_DONE; count = splitter.next()) {
    for (let i = 0; i < count; i++) {
      bench.judge(splitter.ranges[2 * i] ?? 0, splitter.ranges[2 * i + 1] ?? 0);
      if (bench.clockIsDue && slice.isOver) await slice.pause();
    }
    if (slice.isOver) await slice.pause();
  }
  return bench.finish();
}

/** Where events are judged, one after the other. */
class Bench {
  readonly #body: Buffer;
  readonly #judging: Judging;
  readonly #validator: EventValidator;
  readonly #accepted: LineCollector;
  readonly #rejected: Buffer[] = [];
  readonly #rejectedLines: LineChunks;
  readonly #errors: IngestError[] = [];
  #index = 0;
  #rejectedCount = 0;
  #untilClock = CLOCK_BYTES;

  constructor(body: Buffer, judging: Judging) {
    this.#body = body;
    this.#judging = judging;
    this.#validator = judging.validator;
    this.#accepted = new LineCollector(body, judging.memory);
    this.#rejectedLines = new LineChunks(this.#rejected, judging.memory);
  }

  judge(start: number, end: number): void {
    if (this.#judging.source.convert === undefined) this.#judgeAsItStands(start, end);
    else this.#judgeConverted(start, end, this.#judging.source.convert(start, end));
    this.#index += 1;
  }

  #judgeAsItStands(start: number, end: number): void {
    const verdict = this.#validator.validate(this.#body, start, end);
    if (verdict === true) {
      this.#accepted.addRaw(start, end);
      this.#untilClock -= end - start;
    } else if (Buffer.isBuffer(verdict)) {
      this.#accepted.addLine(verdict);
      this.#untilClock = 0;
    } else {
      this.#accepted.endRun();
      this.#reject(this.#body.subarray(start, end), verdict);
      this.#untilClock = 0;
    }
  }

  #judgeConverted(start: number, end: number, conversion: Conversion): void {
    this.#untilClock -= CONVERTED_COST * (end - start);
    if ("errors" in conversion) {
      this.#reject(this.#body.subarray(start, end), conversion.errors);
      this.#untilClock = 0;
      return;
    }
    const { json, start: from, end: to } = conversion;
    const verdict = this.#validator.validate(json, from, to);
    if (verdict === true) this.#accepted.addLine(json.subarray(from, to));
    else {
      if (Buffer.isBuffer(verdict)) this.#accepted.addLine(verdict);
      else this.#reject(json.subarray(from, to), verdict);
      this.#untilClock = 0;
    }
  }

  /** Whether enough was done since this was last true. */
  get clockIsDue(): boolean {
    if (this.#untilClock > 0) return false;
    this.#untilClock = CLOCK_BYTES;
    return true;
  }

  finish(): JudgedBatch {
    this.#rejectedLines.flush();
    return {
      events: this.#accepted.finish(),
      rejected: { count: this.#rejectedCount, bytes: this.#rejected },
      errors: this.#errors,
    };
  }

  #reject(raw: Buffer, errors: readonly EventError[]): void {
    this.#rejectedCount += 1;
    for (const error of errors) {
      if (this.#errors.length === ANSWER_ERRORS_MAX) break;
      this.#errors.push({ index: this.#index, ...error });
    }
    if (!this.#judging.keepRejected) return;
    const { stream } = this.#judging;
    const line = encodeRejected({ stream, raw, errors });
    this.#rejectedLines.add(line.subarray(0, -1));
  }
}
