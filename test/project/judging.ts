import type { z } from "zod";
import { compileValidator, EVENT_BYTES_MAX, NESTING_MAX } from "../../src/project/compile-stream.ts";
import type { Stream } from "../../src/project/declarations.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import type { EventError } from "../../src/project/event-validator.ts";
import { createReferenceValidator } from "../../src/project/reference-validator.ts";
import { eventTypeOf } from "../../src/project/schema/stream-schema.ts";

export { compileValidator };

/** A stream named "test", sorted by its first field. */
export function defineTestStream<Schema extends z.ZodObject>(schema: Schema): Stream<Schema> {
  const [first = ""] = Object.keys(schema.shape);
  return defineStream<Schema>("test", {
    schema,
    table: { orderBy: [first as keyof z.output<Schema> & string] },
  });
}

interface Limits {
  readonly eventBytes?: number;
  readonly nesting?: number;
}

/** What the reference validator says of an event: the line to load, or the errors. */
export function judge(stream: Stream, body: Buffer, limits: Limits = {}): string | readonly EventError[] {
  const validator = createReferenceValidator(stream.zod, eventTypeOf(stream.zod, stream.name), {
    eventBytes: limits.eventBytes ?? EVENT_BYTES_MAX,
    nesting: limits.nesting ?? NESTING_MAX,
  });
  const verdict = validator.validate(body, 0, body.length);
  if (verdict === true) return body.toString();
  return Buffer.isBuffer(verdict) ? verdict.toString() : (verdict as readonly EventError[]);
}

export function judgeText(stream: Stream, text: string, limits: Limits = {}): string | readonly EventError[] {
  return judge(stream, Buffer.from(text), limits);
}
