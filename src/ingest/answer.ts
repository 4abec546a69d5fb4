import { HeadraceError } from "../errors.ts";
import type { KeyedAnswer } from "../log/log.ts";
import type { StoredCounts } from "../load/load.ts";
import type { EventError } from "../project/event-validator.ts";

/** One reason why an event was rejected. */
export interface IngestError extends EventError {
  /** The event's place in the body, from 0. */
  readonly index: number;
}

/** What became of a batch. */
export interface Counts {
  readonly accepted: number;
  readonly rejected: number;
  /** The first ANSWER_ERRORS_MAX. */
  readonly errors: readonly IngestError[];
  /** Accepted events that came before, by their source and id. CloudEvents only. */
  readonly duplicates?: number | undefined;
}

/** The counts as JSON: the answer itself, and what is remembered with an Idempotency-Key. */
export function countsJson({ accepted, rejected, errors, duplicates }: Counts): string {
  const list = errors.length === 0 ? "[]" : JSON.stringify(errors);
  const seen = duplicates === undefined ? "" : `,"duplicates":${duplicates}`;
  return `{"accepted":${accepted},"rejected":${rejected},"errors":${list}${seen}}`;
}

/** The counts of the first answer, and a check that this request is the same as that one was. */
export function countsOfFirst(first: KeyedAnswer, bodyHash: string): Counts {
  if (first.bodyHash !== bodyHash) {
    throw new HeadraceError(
      "idempotency_key_reused",
      "This Idempotency-Key was used with another body, media type or on_invalid",
    );
  }
  return JSON.parse(first.answer) as Counts;
}

/** The answer to `?wait=stored`. `stored` is undefined when it isn't known in time. */
export function waitedJson(counts: Counts, stored: StoredCounts | undefined): string {
  const outcome =
    stored === undefined
      ? `"stored":null,"duplicates":null`
      : `"stored":${stored.stored},"duplicates":${stored.duplicates},"refused":${stored.refused}`;
  return `${countsJson({ ...counts, duplicates: undefined }).slice(0, -1)},${outcome}}`;
}

/** Not one event fits, or one doesn't and that refuses all: 422 with the counts. */
export function eventsRejected(counts: Counts, options: { readonly kept: boolean }): HeadraceError {
  const { accepted, rejected, errors } = counts;
  const total = accepted + rejected;
  const message = options.kept
    ? `None of the ${total} events fits; all are kept as rejected`
    : `${rejected} of the ${total} events don't fit; with on_invalid=fail nothing is kept`;
  return new HeadraceError("events_rejected", message, {
    details: { accepted: 0, rejected, errors, kept: options.kept },
  });
}
