import type { Stream } from "./declarations.ts";

// A symbol can't come from JSON, so no value of a request can pass for a stream; Symbol.for, so that a stream that was
// declared with another copy of this package is known too.
const STREAM = Symbol.for("headrace.stream");

/** Marks what `defineStream` made. */
export function brandStream<S extends Stream>(stream: S): S {
  return Object.freeze(Object.defineProperty(stream, STREAM, { value: true }));
}

/** Whether `defineStream` made the value. */
export function isStream(value: unknown): value is Stream {
  return typeof value === "object" && value !== null && STREAM in value;
}
