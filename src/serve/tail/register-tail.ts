import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../../errors.ts";
import type { Log, Position } from "../../log/log.ts";
import { nearestName } from "../../project/nearest-name.ts";
import type { Stream } from "../../project/declarations.ts";
import { unknownName } from "../../project/unknown-name.ts";
import { positionAfter, TAIL_PARTITION } from "./event-id.ts";
import { TAIL_LIMITS, type TailLimits } from "./limits.ts";
import { TailClient, type TailEnd, type TailRequest } from "./tail-client.ts";
import { isFilter, parseFilters } from "./tail-filter.ts";
import { TailPages } from "./tail-pages.ts";

export interface ServeTailDeps {
  readonly streams: readonly Stream[];
  readonly log: Pick<Log, "read" | "wait" | "status">;
  /** Aborts when the server begins to stop. */
  readonly draining: AbortSignal;
  /** Default: TAIL_LIMITS. */
  readonly limits?: Partial<TailLimits>;
  readonly observer?: TailObserver;
}

/** Called for metrics; must not throw. */
export interface TailObserver {
  opened?(stream: string): void;
  ended?(stream: string, end: TailEnd): void;
}

/** Asking again sooner than this won't help. Seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Registers `GET|HEAD /v1/streams/:stream/tail`. */
export function registerTail(app: FastifyInstance, deps: ServeTailDeps): void {
  const tails = new Tails(deps);
  app.route({
    method: ["GET", "HEAD"],
    url: "/v1/streams/:stream/tail",
    config: { scope: eventsScope },
    handler: (request, reply) => tails.handle(request, reply),
  });
}

/** Whoever tails sees whole events. */
function eventsScope(request: FastifyRequest): `events:${string}` {
  const { stream } = request.params as { readonly stream: string };
  return `events:${stream}`;
}

class Tails {
  readonly #deps: ServeTailDeps;
  readonly #streams: ReadonlyMap<string, Stream>;
  readonly #limits: TailLimits;
  readonly #pages: TailPages;
  #open = 0;

  constructor(deps: ServeTailDeps) {
    this.#deps = deps;
    this.#streams = new Map(deps.streams.map((stream) => [stream.name, stream]));
    this.#limits = { ...TAIL_LIMITS, ...deps.limits };
    this.#pages = new TailPages(deps.log, this.#limits);
  }

  async handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const tail = this.#tailOf(request);
    if (this.#open >= this.#limits.clientsMax) {
      throw new HeadraceError("overloaded", `${this.#limits.clientsMax} tails are open already`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    void reply.headers({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // nginx holds back what it gets otherwise.
      "x-accel-buffering": "no",
    });
    if (request.method === "HEAD") return reply.send();
    reply.hijack();
    reply.raw.writeHead(200, reply.getHeaders() as Record<string, string | string[]>);
    void this.#run(tail, request, reply);
    return reply;
  }

  async #run(tail: TailRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { observer, draining } = this.#deps;
    const client = new TailClient(reply.raw, tail, {
      pages: this.#pages,
      end: (stream) => this.#end(stream),
      limits: this.#limits,
      draining,
      tokenEnded: request.caller?.ended,
    });
    this.#open++;
    observer?.opened?.(tail.stream);
    const end = await client.run();
    this.#open--;
    observer?.ended?.(tail.stream, end);
  }

  #tailOf(request: FastifyRequest): TailRequest {
    const { stream: name } = request.params as { readonly stream: string };
    const stream = this.#streams.get(name);
    if (stream === undefined) throw unknownName("stream", name, this.#streams.keys());
    const query = { ...(request.query as Readonly<Record<string, unknown>>) };
    checkParameters(Object.keys(query));
    return {
      stream: name,
      filters: parseFilters(query, stream.schema.columns, this.#limits.filtersMax),
      ...this.#beginning(name, request.headers["last-event-id"], query["from"]),
    };
  }

  /** A client that connects again sends both: the URL that it was given, and the last id that it has seen. */
  #beginning(
    stream: string,
    lastEventId: unknown,
    from: unknown,
  ): { readonly from: Position; readonly gap: string | undefined } {
    const end = this.#end(stream);
    const { first } = this.#deps.log.status(stream, TAIL_PARTITION);
    if (lastEventId === undefined || lastEventId === "") {
      if (from === undefined || from === "now") return { from: end, gap: undefined };
      if (from === "start") return { from: first, gap: undefined };
    }
    const isResumed = lastEventId !== undefined && lastEventId !== "";
    const id = isResumed ? lastEventId : from;
    const position = typeof id === "string" ? positionAfter(id) : undefined;
    if (typeof id !== "string" || position === undefined) {
      throw new HeadraceError(
        "bad_parameter",
        `${isResumed ? "Last-Event-ID" : "from"} must be the id of an event of a tail${isResumed ? "" : ', "start" or "now"'}`,
        { details: { parameter: isResumed ? "Last-Event-ID" : "from" } },
      );
    }
    // Of another log, or restored from an older copy: the log would wait until it gets there.
    const isAhead = position.log === end.log && position.offset > end.offset;
    return isAhead ? { from: end, gap: id } : { from: position, gap: undefined };
  }

  #end(stream: string): Position {
    return this.#deps.log.status(stream, TAIL_PARTITION).end;
  }
}

function checkParameters(names: readonly string[]): void {
  const unknown = names.find((name) => name !== "from" && !isFilter(name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, ["from", "filter"]);
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  throw new HeadraceError(
    "bad_parameter",
    `A tail has no parameter "${unknown.slice(0, 50)}"; there are from and filter.<field>${hint}`,
    { details: { parameter: unknown } },
  );
}
