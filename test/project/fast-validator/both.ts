import type { z } from "zod";
import type { Column } from "../../../src/project/column.ts";
import type { EventValidator, Verdict } from "../../../src/project/event-validator.ts";
import { createFastValidator } from "../../../src/project/fast-validator/fast-validator.ts";
import { createReferenceValidator } from "../../../src/project/reference-validator.ts";
import { eventTypeOf } from "../../../src/project/schema/stream-schema.ts";
import { KIB } from "../../../src/units.ts";

export const LIMITS = { eventBytes: 64 * KIB, nesting: 8 };

/** A fast and a reference validator of one schema. */
export interface Both {
  readonly columns: readonly Column[];
  readonly reference: EventValidator;
  /** Asks the fast one; undefined when it isn't sure. */
  readonly tryFast: (body: Buffer, start?: number, end?: number) => Verdict | undefined;
}

export function both(schema: z.ZodObject, limits: typeof LIMITS = LIMITS): Both {
  const event = eventTypeOf(schema, "test");
  let asked = false;
  const unsure: EventValidator = {
    validate() {
      asked = true;
      return [];
    },
  };
  const fast = createFastValidator(event, unsure, limits);
  return {
    columns: event.fields.map((field) => field.column),
    reference: createReferenceValidator(schema, event, limits),
    tryFast: (body, start = 0, end = body.length) => {
      asked = false;
      const verdict = fast.validate(body, start, end);
      return asked ? undefined : verdict;
    },
  };
}

/** Whether a verdict accepts, and with which line. */
export function lineOf(body: Buffer, verdict: Verdict): Buffer | undefined {
  if (verdict === true) return body;
  return Buffer.isBuffer(verdict) ? verdict : undefined;
}
