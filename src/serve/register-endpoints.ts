import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Endpoint, Stream } from "../project/declarations.ts";
import { unknownName } from "../project/unknown-name.ts";
import { parseParams } from "../project/params.ts";
import type { Store } from "../store/store.ts";
import { KIB } from "../units.ts";
import { AnswerCache } from "./cache/answer-cache.ts";
import { versionsOf } from "./cache/versions.ts";
import { negotiateFormat } from "./negotiate.ts";
import { parametersFromBody, parametersFromQuery } from "./request-parameters.ts";
import { EndpointRunner } from "./run-endpoint.ts";
import type { CacheOutcome } from "./run-endpoint.ts";
import { nameDownload, sendOutcome, STALLED_CLIENT_MAX } from "./send-outcome.ts";
import { SqlKnowledge } from "./cache/sql-knowledge.ts";

/** A body with parameters may have this many bytes. */
export const PARAMETERS_BODY_MAX = 256 * KIB;

export interface ServeEndpointsDeps {
  readonly endpoints: readonly Endpoint[];
  /** All streams of the project: answers over anything else are never kept. */
  readonly streams: readonly Stream[];
  readonly store: Store;
  /** The loader's version of a stream: an answer made under another is stale. */
  readonly versions: (stream: string) => number;
  /** Bytes that the cache may keep. Default 64 MiB; 0 turns it off. */
  readonly cacheBytes?: number;
  /** Milliseconds after which a client that takes nothing of a large answer is cut off. Default 30 s. */
  readonly stalledClientMax?: number;
  readonly observer?: ServeObserver;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Called for metrics; must not throw. */
export interface ServeObserver {
  answered?(answer: EndpointAnswered): void;
}

export interface EndpointAnswered {
  readonly endpoint: string;
  /** The HTTP status; `"cut"` when the connection ended before the answer did. */
  readonly status: number | "cut";
  /** How the answer came about; "none" when there was none. */
  readonly cache: CacheOutcome | "none";
  /** Milliseconds from the request to the end of the answer. */
  readonly duration: number;
}

/** What the caller may ask of the served endpoints. */
export interface ServedEndpoints {
  /** Bytes that the cache keeps now. */
  cacheBytes(): number;
}

/** Registers `GET|HEAD|POST /v1/endpoints/:endpoint`. */
export function registerEndpoints(app: FastifyInstance, deps: ServeEndpointsDeps): ServedEndpoints {
  const clock = deps.clock ?? Date.now;
  const cache = new AnswerCache(deps.cacheBytes);
  const names = deps.streams.map((stream) => stream.name);
  const runner = new EndpointRunner({
    store: deps.store,
    cache,
    knowledge: new SqlKnowledge(deps.store, names),
    versionsOf: versionsOf(deps.streams, deps.versions, clock),
    clock,
  });
  const routes = new EndpointRoutes(deps, runner);
  // A scope of its own, whose body parser isn't everybody's.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      "application/json",
      { parseAs: "buffer", bodyLimit: PARAMETERS_BODY_MAX },
      (_request, body, done) => done(null, body),
    );
    const url = "/v1/endpoints/:endpoint";
    const config = { scope: readScope };
    scope.route({
      method: ["GET", "HEAD"],
      url,
      config,
      handler: (request, reply) => routes.get(request, reply),
    });
    scope.route({
      method: "POST",
      url,
      config,
      bodyLimit: PARAMETERS_BODY_MAX,
      handler: (request, reply) => routes.post(request, reply),
    });
  });
  return { cacheBytes: () => cache.bytes };
}

function readScope(request: FastifyRequest): `read:${string}` {
  const { endpoint } = request.params as { readonly endpoint: string };
  return `read:${endpoint}`;
}

/** The two handlers. */
class EndpointRoutes {
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  readonly #runner: EndpointRunner;
  readonly #observer: ServeObserver | undefined;
  readonly #stalledMax: number;

  constructor(deps: ServeEndpointsDeps, runner: EndpointRunner) {
    this.#endpoints = new Map(deps.endpoints.map((endpoint) => [endpoint.name, endpoint]));
    this.#runner = runner;
    this.#observer = deps.observer;
    this.#stalledMax = deps.stalledClientMax ?? STALLED_CLIENT_MAX;
  }

  async get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const endpoint = this.#endpointOf(request);
    const { format, parameters } = parametersFromQuery(request.query);
    return this.#answer(endpoint, format, parameters, request, reply);
  }

  async post(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const endpoint = this.#endpointOf(request);
    const { format, parameters } = parametersFromBody(request.query, request.body, request.headers);
    return this.#answer(endpoint, format, parameters, request, reply);
  }

  #endpointOf(request: FastifyRequest): Endpoint {
    const { endpoint: name } = request.params as { readonly endpoint: string };
    const endpoint = this.#endpoints.get(name);
    if (endpoint !== undefined) return endpoint;
    throw unknownName("endpoint", name, this.#endpoints.keys());
  }

  async #answer(
    endpoint: Endpoint,
    askedFormat: unknown,
    parameters: Readonly<Record<string, unknown>>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const seen: { cache: CacheOutcome | "none" } = { cache: "none" };
    const gone = new AbortController();
    reply.raw.once("close", () => {
      const cut = !reply.raw.writableFinished;
      if (cut) gone.abort();
      this.#observer?.answered?.({
        endpoint: endpoint.name,
        status: cut ? "cut" : reply.statusCode,
        cache: seen.cache,
        duration: reply.elapsedTime,
      });
    });
    const format = negotiateFormat(askedFormat, request.headers.accept);
    const params = parseParams(endpoint.params, parameters);
    const outcome = await this.#runner.run(endpoint, params, {
      format,
      // A POST has no 304.
      ifNoneMatch: request.method === "POST" ? undefined : request.headers["if-none-match"],
      signal: gone.signal,
    });
    seen.cache = outcome.cache;
    nameDownload(reply, format, endpoint.name);
    return sendOutcome(outcome, format, request, reply, this.#stalledMax);
  }
}
