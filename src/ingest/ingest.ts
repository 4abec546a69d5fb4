import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../errors.ts";
import { answeredStatus } from "../http/answered-status.ts";
import type { Loader } from "../load/load.ts";
import type { Log } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { EventValidator } from "../project/event-validator.ts";
import { unknownName } from "../project/unknown-name.ts";
import { eventTypeOf } from "../project/schema/stream-schema.ts";
import type { EventType } from "../project/wire-type.ts";
import { countsJson, eventsRejected, waitedJson } from "./answer.ts";
import { discardRest, readBody } from "./body.ts";
import { KeysInFlight, scopedKey } from "./idempotency.ts";
import { InFlightBytes } from "./in-flight-bytes.ts";
import { Keeper, type Outcome } from "./keep.ts";
import { INGEST_LIMIT_SETTINGS, LAG_RETRY_AFTER, type IngestLimits } from "./limits.ts";
import { openSource } from "./open-source.ts";
import { readHead, type RequestHead } from "./request-head.ts";
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
  readonly stream: Pick<Stream, "name" | "zod">;
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

class Ingest {
  readonly #deps: IngestDeps;
  readonly #bodies: InFlightBytes;
  readonly #keys = new KeysInFlight();
  readonly #keeper: Keeper;
  readonly #slices = new WorkSlices();
  /** Streams that the loader had nothing against in this turn of the event loop. */
  readonly #welcome = new Set<string>();
  /** What the events of each stream are. */
  readonly #types: ReadonlyMap<string, EventType>;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
    this.#bodies = new InFlightBytes(deps.limits.inFlightBytesMax);
    this.#keeper = new Keeper({ ...deps, clock: deps.clock ?? Date.now });
    this.#types = new Map(
      [...deps.streams.values()].map(({ stream }) => [stream.name, eventTypeOf(stream.zod, stream.name)]),
    );
  }

  async handle(request: FastifyRequest<IngestRoute>, reply: FastifyReply): Promise<FastifyReply> {
    const name = request.params.stream;
    const target = this.#deps.streams.get(name);
    const type = this.#types.get(name);
    if (target === undefined || type === undefined)
      throw unknownName("stream", name, this.#deps.streams.keys());
    this.#observe(name, reply.raw);
    const head = readHead(request);
    this.#refuseByLoader(name);
    this.#bodies.admit(head.contentLength ?? 0);
    // Each caller has keys of their own.
    const caller = request.caller?.name ?? NOBODY;
    const endKey = head.key === undefined ? undefined : this.#keys.begin(name, scopedKey(caller, head.key));
    try {
      const outcome = await this.#accept(request, target, type, head, caller);
      return await this.#answer(reply, name, head, outcome);
    } finally {
      endKey?.();
    }
  }

  /** Reads, judges and keeps. When it resolves the batch is durable. */
  async #accept(
    request: FastifyRequest,
    target: IngestStream,
    type: EventType,
    head: RequestHead,
    caller: string,
  ): Promise<Outcome> {
    const { limits, observer } = this.#deps;
    const stream = target.stream.name;
    const memory = this.#bodies.share();
    try {
      const body = await readBody(request.raw, head, limits, memory);
      // A CloudEvent in binary mode may have attributes alone.
      if (body.length === 0 && head.binary === undefined) {
        throw new HeadraceError("body_unreadable", "The body is empty");
      }
      const bytes = body.length;
      const source = openSource(body, head, { type, limits });
      const keepRejected = head.onInvalid === "keep";
      const judging = { stream, validator: target.validator, source, memory, keepRejected };
      const slice = this.#slices.begin();
      const outcome = await this.#keeper.keep({ caller, head, body, judging, slice });
      const { accepted, rejected } = outcome.added;
      if (accepted + rejected > 0) observer?.kept?.(stream, accepted, rejected, bytes);
      return outcome;
    } finally {
      memory.release();
      discardRest(request.raw);
    }
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
    const stored = await this.#keeper.stored(stream, outcome);
    return reply.code(stored === undefined ? 202 : 200).send(waitedJson(counts, stored));
  }

  #observe(stream: string, response: ServerResponse): void {
    const { observer } = this.#deps;
    if (observer?.answered === undefined) return;
    const from = performance.now();
    response.once("close", () => {
      observer.answered?.(stream, answeredStatus(response), performance.now() - from);
    });
  }

  /** What the loader says against taking more. Asked once for all requests of a turn of the event loop. */
  #refuseByLoader(stream: string): void {
    if (this.#welcome.has(stream)) return;
    const max = this.#deps.limits.lagEventsMax;
    const { closed, lagEvents } = this.#deps.loader.status(stream);
    if (closed !== undefined) throw new HeadraceError("store_mismatch", closed);
    if (lagEvents <= max) {
      if (this.#welcome.size === 0) setImmediate(() => this.#welcome.clear());
      this.#welcome.add(stream);
      return;
    }
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
