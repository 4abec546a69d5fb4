import type { EventValidator, Verdict } from "../event-validator.ts";
import type { EventType } from "../wire-type.ts";
import { OpenKeys } from "./open-keys.ts";
import { scanFields } from "./scan-value.ts";
import { UNSURE, skipSpaces } from "./scan.ts";

export interface FastValidatorLimits {
  /** The most bytes of an event. */
  readonly eventBytes: number;
  /** The most arrays and objects around a value, the event itself counted. */
  readonly nesting: number;
}

/**
 * A validator, compiled for the event's type, that walks the bytes and builds no objects. It can only accept: the event
 * is then good as it stands, and its bytes, UTF-8 checked and without a newline, are the line to load. It asks
 * `fallback` about whatever it isn't sure of; docs/TYPES.md's rules are that one's to know.
 *
 * It is sure of good events in their usual spelling. What it leaves to the fallback, although it may be good: defaults
 * to fill in, unknown fields to drop, newlines between tokens, escaped keys, objects of very many keys, numbers of
 * extreme length, unusual forms of dates, single values in `json` fields, and everything that only Zod can judge.
 */
export function createFastValidator(
  event: EventType,
  fallback: EventValidator,
  limits: FastValidatorLimits,
): EventValidator {
  if (event.slow) return fallback;
  const keys = new OpenKeys();
  const scan = scanFields(event.fields, { keys, nesting: limits.nesting });
  return {
    validate(body: Buffer, start: number, end: number): Verdict {
      if (end - start <= limits.eventBytes) {
        keys.clear();
        const after = scan(body, skipSpaces(body, start), end);
        // What ran over the end, or stopped before it, isn't the one value that was asked about.
        if (after !== UNSURE && (after === end || skipSpaces(body, after) === end)) return true;
      }
      return fallback.validate(body, start, end);
    },
  };
}
