import { createHash } from "node:crypto";
import { HeadraceError } from "../errors.ts";
import type { Store, StoreQuery } from "../store/store.ts";
import { MIB } from "../units.ts";
import { jsonDocument, plainDocument } from "./answer-document.ts";
import type { AnswerParts } from "./answer-document.ts";
import type { AnswerFormat } from "./negotiate.ts";

/**
 * Answers up to this many bytes are put together before they are sent: they have a length, can be kept and shared,
 * and any error in them is a proper problem document. Larger ones are streamed.
 */
export const WHOLE_ANSWER_MAX = 4 * MIB;

/** A query whose answer is sent to somebody. Aborting the signal stops it. */
export type AnswerQuery = Omit<StoreQuery, "format" | "signal"> & {
  readonly format: AnswerFormat;
  readonly signal: AbortSignal;
};

/** The pieces of a large answer. Whoever doesn't read them to the end must call `return`. */
export type StreamedParts = Required<
  Pick<AsyncIterableIterator<Buffer, void, undefined>, "next" | "return">
> &
  AsyncIterable<Buffer>;

export type BegunAnswer =
  /** `told` are the pieces without the statistics, which differ although the answer is the same. */
  | { readonly kind: "whole"; readonly body: Buffer; readonly told: readonly Buffer[] }
  | { readonly kind: "large"; readonly parts: StreamedParts };

/** Runs a query and resolves when its answer is there, or when it is known to be a large one. */
export async function beginAnswer(store: Store, query: AnswerQuery): Promise<BegunAnswer> {
  const stop = new AbortController();
  const parts = await documentOf(store, {
    ...query,
    signal: AbortSignal.any([query.signal, stop.signal]),
  });
  return gatherAnswer(parts, stop, WHOLE_ANSWER_MAX);
}

/** Puts parts together up to so many bytes; past them they are a large answer, which `stop` stops. */
export async function gatherAnswer(
  parts: AnswerParts,
  stop: AbortController,
  bytesMax: number,
): Promise<BegunAnswer> {
  const held: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const next = await parts.next();
    if (next.done === true) break;
    held.push(next.value);
    bytes += next.value.length;
    if (bytes > bytesMax) return { kind: "large", parts: continued(held, parts, stop) };
  }
  return { kind: "whole", body: Buffer.concat(held), told: held.slice(0, -1) };
}

export function weakTag(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return `W/"${hash.digest("base64url")}"`;
}

async function documentOf(store: Store, { format, ...query }: AnswerQuery): Promise<AnswerParts> {
  return format === "json"
    ? jsonDocument(await store.query({ ...query, format: "ndjson" }))
    : plainDocument(await store.query({ ...query, format }));
}

/** The held parts, then the rest. Leaving it stops the query, even when nothing of it was ever read. */
function continued(held: readonly Buffer[], rest: AnswerParts, stop: AbortController): StreamedParts {
  // Taken off as they are sent, so that a slow client doesn't hold them all.
  const waiting = [...held];
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const value = waiting.shift();
      return value === undefined ? rest.next() : { done: false, value };
    },
    async return() {
      stop.abort(new HeadraceError("query_cancelled", "The answer was not wanted any more"));
      await rest.return();
      return { done: true, value: undefined };
    },
  };
}
