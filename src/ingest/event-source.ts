import type { EventError } from "../project/event-validator.ts";
import type { EventType } from "../project/wire-type.ts";
import type { IngestLimits } from "./limits.ts";
import type { EventSplitter } from "./split/event-splitter.ts";

/** A body as its media type says that it is read: cut into events, each of which is JSON or made to be. */
export interface EventSource {
  readonly splitter: EventSplitter;
  /**
   * Makes JSON of what stands in the body from `start` to before `end`, or says why that can't be done. Absent when the
   * bytes are the event's JSON as they stand. Never throws for bad input.
   */
  convert?(start: number, end: number): Conversion;
}

export type Conversion =
  | {
      /** Holds the event's JSON from `start` to before `end`, until the next call. */
      readonly json: Buffer;
      readonly start: number;
      readonly end: number;
      readonly key?: string;
    }
  | {
      /** Why it can't be an event; at least one. */
      readonly errors: readonly EventError[];
      /** What names the event wherever it comes from: a second one with the same key is the same event. */
      readonly key?: string;
    };

/** What sources need to know of the stream and its limits. */
export interface SourceContext {
  readonly type: EventType;
  readonly limits: Pick<IngestLimits, "eventsMax" | "eventBytesMax" | "nestingMax">;
}
