import type { z } from "zod";
import { EVENT_BYTES_MAX, NESTING_MAX } from "../../src/project/compile-stream.ts";
import type { Stream } from "../../src/project/declarations.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import type { EventError, EventValidator, Verdict } from "../../src/project/event-validator.ts";
import { createReferenceValidator } from "../../src/project/reference-validator.ts";
import { eventTypeOf } from "../../src/project/schema/stream-schema.ts";

/** A stream named "test", sorted by its first field. */
export function defineTestStream<Schema extends z.ZodObject>(schema: Schema): Stream<Schema> {
  const [first = ""] = Object.keys(schema.shape);
  return defineStream<Schema>("test", {
    schema,
    table: { orderBy: [first] },
  });
}

interface Limits {
  readonly eventBytes?: number;
  readonly nesting?: number;
}

/** The slow validator alone, compiled once. */
export function referenceOf(stream: Stream, limits: Limits = {}): EventValidator {
  return createReferenceValidator(stream.zod, eventTypeOf(stream.zod, stream.name), {
    eventBytes: limits.eventBytes ?? EVENT_BYTES_MAX,
    nesting: limits.nesting ?? NESTING_MAX,
  });
}

/** What the reference validator says of an event: the line to load, or the errors. */
export function judge(stream: Stream, body: Buffer, limits: Limits = {}): string | readonly EventError[] {
  return lineOf(body, referenceOf(stream, limits).validate(body, 0, body.length));
}

/** The line that a verdict stands for, or its errors. */
export function lineOf(body: Buffer, verdict: Verdict): string | readonly EventError[] {
  if (verdict === true) return body.toString();
  return Buffer.isBuffer(verdict) ? verdict.toString() : verdict;
}

/** The line of an accepted event; throws for a rejected one. */
export function acceptedLine(result: string | readonly EventError[]): string {
  if (typeof result === "string") return result;
  throw new Error(`rejected: ${JSON.stringify(result)}`);
}

export function judgeText(stream: Stream, text: string, limits: Limits = {}): string | readonly EventError[] {
  return judge(stream, Buffer.from(text), limits);
}
