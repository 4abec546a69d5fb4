import { MIB, SECOND } from "../units.ts";

/** What one request, and all of them together, may cost. Sizes in bytes. */
export interface IngestLimits {
  /** A body as it is sent. Default 32 MiB. Past it: 413. */
  readonly bodyBytesMax: number;
  /** A body after decompression. Default 64 MiB. Past it: 413. */
  readonly decompressedBytesMax: number;
  /** One event; a larger one is rejected. Default 1 MiB. The validator holds to it. */
  readonly eventBytesMax: number;
  /** Arrays and objects within each other in one event; a deeper one is rejected. Default 32. The validator holds to it. */
  readonly nestingMax: number;
  /** Events of one request. Default 500,000. Past it: 413. */
  readonly eventsMax: number;
  /** Bodies in memory at once, with what is made of them. Default 256 MiB. Past it: 429. */
  readonly inFlightBytesMax: number;
  /** Events of a stream that are accepted and not queryable yet. Default 10 million. Past it: 429. */
  readonly lagEventsMax: number;
}

export const INGEST_LIMITS: IngestLimits = {
  bodyBytesMax: 32 * MIB,
  decompressedBytesMax: 64 * MIB,
  eventBytesMax: MIB,
  nestingMax: 32,
  eventsMax: 500_000,
  inFlightBytesMax: 256 * MIB,
  lagEventsMax: 10_000_000,
};

/** The setting of each limit, for messages. */
export const INGEST_LIMIT_SETTINGS: Readonly<Record<keyof IngestLimits, string>> = {
  bodyBytesMax: "HEADRACE_INGEST_BODY_MAX",
  decompressedBytesMax: "HEADRACE_INGEST_DECOMPRESSED_MAX",
  eventBytesMax: "HEADRACE_INGEST_EVENT_MAX",
  nestingMax: "HEADRACE_INGEST_NESTING_MAX",
  eventsMax: "HEADRACE_INGEST_EVENTS_MAX",
  inFlightBytesMax: "HEADRACE_INGEST_IN_FLIGHT_MAX",
  lagEventsMax: "HEADRACE_INGEST_LAG_MAX",
};

/** Errors that an answer lists; the counts are always of all. */
export const ANSWER_ERRORS_MAX = 100;
/** Characters of an Idempotency-Key. */
export const KEY_LENGTH_MAX = 255;
/** Keys whose batch's place is remembered in memory, for all streams together. */
export const KEYED_RANGES_MAX = 10_000;
/** CloudEvents of one request that are each remembered by source and id: keys take 5 µs each, all at once. */
export const KEYED_EVENTS_MAX = 10_000;
/** How long `?wait=stored` waits, in milliseconds. */
export const STORED_WAIT_MAX = 30 * SECOND;
/** How long it still waits once the server stops, in milliseconds: short enough for the answer to get out. */
export const STORED_WAIT_DRAINING_MAX = 5 * SECOND;
/** The longest that one request works before others get their turn, in milliseconds. */
export const WORK_SLICE = 10;
/** What a request past the in-flight limit is told to wait, in seconds: a body takes about that long. */
export const IN_FLIGHT_RETRY_AFTER = 1;
/** What a request past the lag limit is told to wait, in seconds: the loader works in larger steps. */
export const LAG_RETRY_AFTER = 5;
