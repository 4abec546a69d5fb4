import type { Stream } from "./declarations.ts";
import { MIB } from "../units.ts";
import type { EventValidator } from "./event-validator.ts";
import { createFastValidator } from "./fast-validator/fast-validator.ts";
import { createReferenceValidator } from "./reference-validator.ts";
import { eventTypeOf } from "./schema/stream-schema.ts";

/** Bytes of one event unless the settings say otherwise. */
export const EVENT_BYTES_MAX = 1 * MIB;
/** Arrays and objects around a value, the event itself counted, unless the settings say otherwise. */
export const NESTING_MAX = 32;

interface ValidatorOptions {
  /** Default 1 MiB. */
  readonly eventBytesMax?: number;
  /** Default 32. */
  readonly nestingMax?: number;
}

/** The validator of a stream's events: a fast one that only accepts, and one that is always right for the rest. */
export function compileValidator(stream: Stream, options: ValidatorOptions = {}): EventValidator {
  const limits = {
    eventBytes: options.eventBytesMax ?? EVENT_BYTES_MAX,
    nesting: options.nestingMax ?? NESTING_MAX,
  };
  const event = eventTypeOf(stream.zod, stream.name);
  return createFastValidator(event, createReferenceValidator(stream.zod, event, limits), limits);
}
