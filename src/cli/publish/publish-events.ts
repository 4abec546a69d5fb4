import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError, toHeadraceError } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import type { Client } from "../client.ts";
import { gatherBatches, type Batch, type BatchLimits, type EventChunk } from "./batches.ts";
import { sendBatch, type BatchAnswer, type Compression, type RejectedEvent } from "./send-batch.ts";

/** The most rejected events that the summary names. */
const ERRORS_SHOWN_MAX = 10;
/** With a rate, a batch holds this share of a second's events at most, so that they flow evenly. */
const BATCHES_PER_SECOND = 5;

export interface PublishOptions {
  readonly client: Client;
  readonly stream: string;
  /** Begins to read the events. The signal ends a wait for more input. */
  readonly read: (signal: AbortSignal) => AsyncIterable<EventChunk>;
  readonly batch: BatchLimits;
  /** Requests at once. One keeps the events in order. */
  readonly inFlight: number;
  readonly compression: Compression;
  /** Events a second. Default: as fast as they go. */
  readonly rate?: number | undefined;
  /** Tries after the first one of a batch. */
  readonly retries: number;
  /** Aborting stops after the requests in flight. */
  readonly signal: AbortSignal;
  readonly onProgress?: (soFar: PublishSummary) => void;
}

/** How far it got. Counts are of events that the server has answered for. */
export interface PublishSummary {
  readonly accepted: number;
  readonly rejected: number;
  readonly batches: number;
  /** Requests that were sent again. */
  readonly retries: number;
  /** Bytes of events before compression. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly duration: number;
  /** The first rejected events with their reasons. */
  readonly errors: readonly RejectedEvent[];
  /** Why it ended early. */
  readonly failure?: HeadraceError;
}

/**
 * Publishes all events of the input. Each batch has an Idempotency-Key of its own, so that sending it again after a lost answer
 * counts once. At most `inFlight` batches and one more are in memory.
 * Never rejects: what went wrong is in the summary, beside how far it got.
 */
export async function publishEvents(options: PublishOptions): Promise<PublishSummary> {
  const run = randomUUID();
  const started = performance.now();
  const counts = { accepted: 0, rejected: 0, batches: 0, retries: 0, bytes: 0 };
  const errors: RejectedEvent[] = [];
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let failure: HeadraceError | undefined;

  const summary = (): PublishSummary => ({
    ...counts,
    errors,
    duration: performance.now() - started,
    ...(failure === undefined ? {} : { failure }),
  });
  const fail = (error: unknown): void => {
    failure ??= toHeadraceError(error);
    stop.abort();
  };
  const count = (batch: Batch, answer: BatchAnswer): void => {
    counts.accepted += answer.accepted;
    counts.rejected += answer.rejected;
    counts.batches++;
    counts.bytes += batch.body.length;
    errors.push(...answer.errors.slice(0, ERRORS_SHOWN_MAX - errors.length));
    options.onProgress?.(summary());
  };
  const send = async (batch: Batch): Promise<void> => {
    try {
      const answer = await sendBatch({
        ...options,
        batch,
        key: `${run}-${batch.number}`,
        signal,
        onRetry: () => counts.retries++,
      });
      count(batch, answer);
    } catch (error) {
      fail(error);
    }
  };

  try {
    await inParallel(pace(options, signal), options.inFlight, send);
  } catch (error) {
    // Once stopped, that the input was cut off is no news.
    if (!signal.aborted) fail(error);
  }
  if (options.signal.aborted) fail(new HeadraceError("interrupted", "stopped before the end of the input"));
  return summary();
}

/** The batches of the input, no faster than the rate, until the signal says stop. */
async function* pace(options: PublishOptions, signal: AbortSignal): AsyncGenerator<Batch> {
  const { rate, batch: limits } = options;
  const events =
    rate === undefined
      ? limits.events
      : Math.min(limits.events, Math.max(1, Math.ceil(rate / BATCHES_PER_SECOND)));
  const started = performance.now();
  for await (const batch of gatherBatches(options.read(signal), { ...limits, events })) {
    if (rate !== undefined) {
      const due = started + (batch.firstEvent / rate) * SECOND;
      await sleep(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => {});
    }
    if (signal.aborted) return;
    yield batch;
  }
}

/** Works on items at most `width` at a time; takes the next one only when there is room. */
async function inParallel<T>(
  items: AsyncIterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  try {
    for await (const item of items) {
      const done: Promise<void> = work(item).finally(() => running.delete(done));
      running.add(done);
      if (running.size >= width) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
}
