import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { constants, gzip, zstdCompress } from "node:zlib";
import { ERRORS, HeadraceError, toHeadraceError } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import type { Client } from "../client.ts";
import { membersOf, textOf } from "../json-value.ts";
import type { Batch } from "./batches.ts";

/** The wait before the first retry and the longest one; each is drawn between half of it and all of it. */
const BACKOFF_FIRST = SECOND / 5;
const BACKOFF_MAX = 10 * SECOND;
/** A server that asks for a longer pause than this isn't waited for so long, in seconds. */
const RETRY_AFTER_MAX_SECONDS = 60;

export const COMPRESSIONS = ["none", "gzip", "zstd"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

export interface SendOptions {
  readonly client: Client;
  readonly stream: string;
  readonly batch: Batch;
  /** The Idempotency-Key. */
  readonly key: string;
  readonly compression: Compression;
  readonly retries: number;
  /** Aborting gives up waiting for a retry; a request in flight gets its answer. */
  readonly signal: AbortSignal;
  readonly onRetry: () => void;
}

export interface BatchAnswer {
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly RejectedEvent[];
}

export interface RejectedEvent {
  /** The event's number in the whole input, counted from 1. */
  readonly event: number;
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/**
 * Sends one batch until the server has answered for it.
 * @throws HeadraceError when the answer is one that trying again can't change, or the retries are used up.
 */
export async function sendBatch(options: SendOptions): Promise<BatchAnswer> {
  const { client, stream, batch, key, compression } = options;
  const body = await compress(batch.body, compression);
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await client.json({
        method: "POST",
        path: `/v1/streams/${encodeURIComponent(stream)}/events`,
        headers: {
          "content-type": batch.mediaType,
          "idempotency-key": key,
          ...(compression === "none" ? {} : { "content-encoding": compression }),
        },
        body,
      });
      return readAnswer(answer, batch);
    } catch (error) {
      const problem = toHeadraceError(error);
      // All were rejected, and are kept with their reasons: an answer like any other.
      if (problem.code === "events_rejected") return readAnswer(problem.details, batch);
      if (!canRetry(problem) || attempt >= options.retries || options.signal.aborted) throw problem;
      options.onRetry();
      await sleep(retryDelay(attempt, problem), undefined, { signal: options.signal }).catch(() => {});
      if (options.signal.aborted) throw problem;
    }
  }
}

function canRetry(problem: HeadraceError): boolean {
  return ERRORS[problem.code].retryable;
}

/** Exponential with jitter, and at least what the server asks for. Milliseconds. */
function retryDelay(attempt: number, problem: HeadraceError): number {
  const ceiling = Math.min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** attempt);
  const asked = Math.min(problem.retryAfterSeconds ?? 0, RETRY_AFTER_MAX_SECONDS) * SECOND;
  return asked + (ceiling / 2) * (1 + Math.random());
}

function readAnswer(answer: unknown, batch: Batch): BatchAnswer {
  const { accepted, rejected, errors } = membersOf(answer);
  if (typeof accepted !== "number" || typeof rejected !== "number") {
    throw new HeadraceError("unexpected_answer", "the answer to a batch lacks its counts of events");
  }
  return { accepted, rejected, errors: Array.isArray(errors) ? errors.map((one) => place(one, batch)) : [] };
}

function place(error: unknown, batch: Batch): RejectedEvent {
  const { index, path, code, message } = membersOf(error);
  return {
    event: batch.firstEvent + Number(index ?? 0) + 1,
    path: textOf(path),
    code: textOf(code),
    message: textOf(message),
  };
}

const gzipBytes = promisify<Buffer, object, Buffer<ArrayBuffer>>(gzip);
const zstdBytes = promisify<Buffer, object, Buffer<ArrayBuffer>>(zstdCompress);

/** Events repeat their field names: the fastest levels make them a fifth already. */
async function compress(body: Buffer<ArrayBuffer>, compression: Compression): Promise<Buffer<ArrayBuffer>> {
  if (compression === "gzip") return gzipBytes(body, { level: constants.Z_BEST_SPEED });
  if (compression === "zstd") return zstdBytes(body, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  return body;
}
