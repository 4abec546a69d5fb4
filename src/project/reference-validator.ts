import { isUtf8 } from "node:buffer";
import type { z } from "zod";
import {
  type EventError,
  type EventValidator,
  ERRORS_PER_EVENT_MAX,
  type Verdict,
} from "./event-validator.ts";
import { judgeOf } from "./validate/judge.ts";
import { isEventError, readJson } from "./validate/read-json.ts";
import { Scope } from "./validate/scope.ts";
import { zodErrors } from "./validate/zod-errors.ts";
import type { EventType } from "./wire-type.ts";

/** What an event may be at most. */
export interface EventLimits {
  /** Bytes of one event. */
  readonly eventBytes: number;
  /** Arrays and objects around a value, the event itself counted. */
  readonly nesting: number;
}

/**
 * The validator that is always right, at 10 to 50 µs an event: reads the JSON without rounding, judges each value against
 * its column, lets Zod run the schema's own checks, and writes the line to load. An accepted event always comes back
 * as a Buffer.
 */
export function createReferenceValidator(
  schema: z.ZodObject,
  event: EventType,
  limits: EventLimits,
): EventValidator {
  const judge = judgeOf({ kind: "object", fields: event.fields, loose: event.loose });
  return {
    validate(body: Buffer, start: number, end: number): Verdict {
      const bytes = body.subarray(start, end);
      if (bytes.length > limits.eventBytes) {
        return [
          reason("too_large", `the event has ${bytes.length} bytes; at most ${limits.eventBytes} are taken`),
        ];
      }
      if (!isUtf8(bytes)) return [reason("invalid_utf8", "the bytes aren't UTF-8")];
      const node = readJson(bytes.toString("utf8"), limits.nesting);
      if (isEventError(node)) return [node];
      const scope = new Scope();
      const judged = judge(node, scope);
      if (judged === undefined) return scope.errors;
      const errors = scope.full ? [] : zodErrors(schema, judged.value, scope.errors);
      const all = [...scope.errors, ...errors];
      return all.length > 0 ? all.slice(0, ERRORS_PER_EVENT_MAX) : Buffer.from(judged.line);
    },
  };
}

function reason(code: "too_large" | "invalid_utf8", message: string): EventError {
  return { path: "", code, message };
}
