import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../errors.ts";
import { answeredStatus } from "../http/answered-status.ts";
import type { BatchRange, Loader, StoredCounts } from "../load/load.ts";
import type { KeyedAnswer, Log } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { EventValidator } from "../project/event-validator.ts";
import { didYouMean, nearestName } from "../project/nearest-name.ts";
import { countsJson, countsOfFirst, eventsRejected, waitedJson, type Counts } from "./answer.ts";
import { discardRest, readBody } from "./body.ts";
import { hashRequest, KeyedRanges, KeysInFlight, scopedKey } from "./idempotency.ts";
import { InFlightBytes } from "./in-flight-bytes.ts";
import { judge } from "./judge.ts";
import { INGEST_LIMIT_SETTINGS, LAG_RETRY_AFTER, type IngestLimits } from "./limits.ts";
import { readHead, type RequestHead } from "./request-head.ts";
import { waitUntilStored } from "./stored-wait.ts";
import { WorkSlices } from "./work-slices.ts";

export interface IngestDeps {
  readonly streams: ReadonlyMap<string, IngestStream>;
  readonly log: Pick<Log, "append" | "recall">;
  readonly loader: Pick<Loader, "stored" | "status">;
  readonly limits: IngestLimits;
  /** Aborted when the server stops: requests that wait for the loader then come to an end. */
  readonly draining: AbortSignal;
  readonly observer?: IngestObserver;
  /** Milliseconds since 1970: when a batch is accepted. Default Date.now. */
  readonly clock?: () => number;
}

export interface IngestStream {
  readonly stream: Pick<Stream, "name">;
  readonly validator: EventValidator;
}

/** Called by ingest; must not throw. Streams are declared ones only. */
export interface IngestObserver {
  /** A batch is durable: its events, and the bytes of its body after decompression. */
  kept?(stream: string, accepted: number, rejected: number, bytes: number): void;
  /** A request was answered, `duration` milliseconds after its headers came; 499 when its client had gone. */
  answered?(stream: string, status: number, duration: number): void;
}

/** Whose keys they are when callers need no token. No token has this name. */
const NOBODY = "";

/** Registers `POST /v1/streams/:stream/events`. */
export function registerIngest(app: FastifyInstance, deps: IngestDeps): void {
  const ingest = new Ingest(deps);
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(["application/json", "application/x-ndjson", "*"], leaveBody);
    const config = { scope: ingestScope };
    scope.post<IngestRoute>("/v1/streams/:stream/events", { config }, (request, reply) =>
      ingest.handle(request, reply),
    );
    done();
  });
}

function ingestScope(request: FastifyRequest): `ingest:${string}` {
  const { stream } = request.params as IngestRoute["Params"];
  return `ingest:${stream}`;
}

/** A parser that reads nothing: the handler reads the body, knowing the limits and what to do with which type. */
function leaveBody(_request: FastifyRequest, _body: unknown, done: (error: null) => void): void {
  done(null);
}

interface IngestRoute {
  readonly Params: { readonly stream: string };
}

/** What became of a request that was understood. */
interface Outcome {
  readonly counts: Counts;
  /** Whether an earlier request with the same key kept the batch. */
  readonly replayed: boolean;
  /** Where the batch lies; undefined when nothing was kept, or when it is too long ago to know. */
  readonly range: BatchRange | undefined;
}

class Ingest {
  readonly #deps: IngestDeps;
  readonly #bodies: InFlightBytes;
  readonly #keys = new KeysInFlight();
  readonly #ranges = new KeyedRanges();
  readonly #slices = new WorkSlices();
  readonly #clock: () => number;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
    this.#bodies = new InFlightBytes(deps.limits.inFlightBytesMax);
    this.#clock = deps.clock ?? Date.now;
  }

  async handle(request: FastifyRequest<IngestRoute>, reply: FastifyReply): Promise<FastifyReply> {
    const name = request.params.stream;
    const target = this.#deps.streams.get(name);
    if (target === undefined) throw unknownStream(name, [...this.#deps.streams.keys()]);
    this.#observe(name, reply.raw);
    const head = readHead(request);
    this.#refuseLag(name);
    this.#bodies.admit(head.contentLength ?? 0);
    // Each caller has keys of their own.
    const key = head.key === undefined ? undefined : scopedKey(request.caller?.name ?? NOBODY, head.key);
    const endKey = key === undefined ? undefined : this.#keys.begin(name, key);
    try {
      const outcome = await this.#accept(request, target, head, key);
      return await this.#answer(reply, name, head, outcome);
    } finally {
      endKey?.();
    }
  }

  /** Reads, judges and keeps. When it resolves the batch is durable. */
  async #accept(
    request: FastifyRequest,
    target: IngestStream,
    head: RequestHead,
    key: string | undefined,
  ): Promise<Outcome> {
    const { limits, log, observer } = this.#deps;
    const stream = target.stream.name;
    const memory = this.#bodies.share();
    try {
      const body = await readBody(request.raw, head, limits, memory);
      if (body.length === 0) throw new HeadraceError("body_unreadable", "The body is empty");
      const bytes = body.length;
      const slice = this.#slices.begin();

      // Before the events are judged, which writes to the body.
      const bodyHash = key === undefined ? "" : await hashRequest(head, body, slice);
      const first = key === undefined ? undefined : await log.recall(stream, key);
      if (first !== undefined) return this.#replay(stream, key, first, bodyHash);

      const { mediaType, onInvalid } = head;
      const keepRejected = onInvalid === "keep";
      const judging = { stream, validator: target.validator, mediaType, limits, memory, keepRejected };
      const { events, rejected, errors } = await judge(body, judging, slice);
      const counts = { accepted: events.count, rejected: rejected.count, errors };
      if (counts.rejected > 0 && onInvalid === "fail") throw eventsRejected(counts, { kept: false });
      if (counts.accepted + counts.rejected === 0) return { counts, replayed: false, range: undefined };

      const appended = await log.append(stream, {
        acceptedAt: this.#clock(),
        events,
        rejected,
        ...(key === undefined ? {} : { key: { key, bodyHash, answer: countsJson(counts) } }),
      });
      if (appended.kind === "duplicate") return this.#replay(stream, key, appended.first, bodyHash);
      const { partition, position } = appended;
      const range = { partition, position, events: counts.accepted, rejected: counts.rejected };
      if (key !== undefined) this.#ranges.remember(stream, key, range);
      observer?.kept?.(stream, counts.accepted, counts.rejected, bytes);
      return { counts, replayed: false, range };
    } finally {
      memory.release();
      discardRest(request.raw);
    }
  }

  #replay(stream: string, key: string | undefined, first: KeyedAnswer, bodyHash: string): Outcome {
    const range = key === undefined ? undefined : this.#ranges.find(stream, key);
    return { counts: countsOfFirst(first, bodyHash), replayed: true, range };
  }

  async #answer(
    reply: FastifyReply,
    stream: string,
    head: RequestHead,
    outcome: Outcome,
  ): Promise<FastifyReply> {
    const { counts } = outcome;
    if (outcome.replayed) void reply.header("idempotency-replayed", "true");
    if (counts.accepted === 0 && counts.rejected > 0) throw eventsRejected(counts, { kept: true });
    void reply.header("content-type", "application/json; charset=utf-8");
    if (!head.waitStored) return reply.code(202).send(countsJson(counts));
    const stored = await this.#stored(stream, outcome);
    return reply.code(stored === undefined ? 202 : 200).send(waitedJson(counts, stored));
  }

  /** What the loader made of a batch, when it says so in time. */
  async #stored(stream: string, { counts, range }: Outcome): Promise<StoredCounts | undefined> {
    if (counts.accepted === 0) return { stored: 0, duplicates: 0, refused: 0 };
    if (range === undefined) return undefined;
    return await waitUntilStored(this.#deps.loader, stream, range, this.#deps.draining);
  }

  #observe(stream: string, response: ServerResponse): void {
    const { observer } = this.#deps;
    if (observer?.answered === undefined) return;
    const from = performance.now();
    response.once("close", () => {
      observer.answered?.(stream, answeredStatus(response), performance.now() - from);
    });
  }

  #refuseLag(stream: string): void {
    const max = this.#deps.limits.lagEventsMax;
    const { lagEvents } = this.#deps.loader.status(stream);
    if (lagEvents <= max) return;
    const limit = INGEST_LIMIT_SETTINGS.lagEventsMax;
    throw new HeadraceError(
      "overloaded",
      `${lagEvents} events wait to be loaded, more than ${max} (${limit})`,
      {
        retryAfterSeconds: LAG_RETRY_AFTER,
        details: { limit, max },
      },
    );
  }
}

function unknownStream(name: string, names: readonly string[]): HeadraceError {
  const nearest = nearestName(name, names);
  return new HeadraceError("unknown_stream", `There is no stream "${name}"${didYouMean(name, names)}`, {
    details: nearest === undefined ? {} : { nearest },
  });
}
