import type { LogBatch } from "../log/log.ts";
import { compileValidator } from "../project/compile-stream.ts";
import type { Stream } from "../project/declarations.ts";
import type { EventError } from "../project/event-validator.ts";
import { createWireLine } from "../project/wire-line.ts";
import { inTurns } from "./in-turns.ts";
import { NO_EVENT_LIMITS } from "./limits.ts";
import { linesOf, offsetsIn } from "./rows.ts";

/** Events of an earlier schema as today's declaration sees them. */
export interface JudgedAgain {
  /** The batches with their events as today's schema has them; those that don't fit have an empty object for a line. */
  readonly batches: readonly LogBatch[];
  /** Events that don't fit, rising. */
  readonly refused: readonly {
    readonly offset: number;
    readonly acceptedAt: number;
    readonly reason: EventError;
  }[];
}

/** Judges the events of batches of one schema by today's declaration. */
export type JudgeAgain = (batches: readonly LogBatch[]) => Promise<JudgedAgain>;

const NOTHING = Buffer.from("{}");
const NEWLINE = Buffer.from("\n");

export function createJudgeAgain(stream: Stream): JudgeAgain {
  const validator = compileValidator(stream, NO_EVENT_LIMITS);
  const wireLine = createWireLine(stream);
  return async (batches) => {
    const refused: { offset: number; acceptedAt: number; reason: EventError }[] = [];
    const judged: LogBatch[] = [];
    for (const batch of batches) {
      const lines: Buffer[] = [];
      await inTurns(
        linesOf([batch], "events", offsetsIn([batch], "events")),
        ({ line, offset, acceptedAt }) => {
          const event = wireLine(line, batch.schema);
          const verdict = validator.validate(event, 0, event.length);
          const taken = verdict === true ? event : Buffer.isBuffer(verdict) ? verdict : undefined;
          lines.push(taken ?? NOTHING, NEWLINE);
          if (verdict === true || Buffer.isBuffer(verdict)) return;
          const [first] = verdict;
          refused.push({ offset, acceptedAt, reason: reasonOf(first, verdict.length) });
        },
      );
      const events = { count: batch.events.count, bytes: Buffer.concat(lines) };
      judged.push({ ...batch, schema: stream.schema, events });
    }
    return { batches: judged, refused };
  };
}

/** The first reason stands for all: a ledger of a million events has room for no more. */
function reasonOf(first: EventError | undefined, count: number): EventError {
  const { path = "", code = "store_refused", message = "it doesn't fit" } = first ?? {};
  const more = count > 1 ? `, and ${count - 1} more` : "";
  return { path, code, message: `accepted under an earlier declaration; today's: ${message}${more}` };
}
