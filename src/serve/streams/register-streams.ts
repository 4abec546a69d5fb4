import type { FastifyInstance, FastifyRequest } from "fastify";
import { HeadraceError } from "../../errors.ts";
import type { Stream } from "../../project/declarations.ts";
import { listRejected } from "../../rejected/list-rejected.ts";
import type { ListRejectedOptions } from "../../rejected/list-rejected.ts";
import { pageText } from "../../rejected/page-text.ts";
import type { Store } from "../../store/store.ts";
import { instantOf } from "../../rejected/instant.ts";
import { unknownName } from "../../project/unknown-name.ts";
import { describeStream } from "./describe-stream.ts";
import type { StreamDescription, StreamFacts } from "./describe-stream.ts";
import { StreamColumns } from "./stream-columns.ts";
import { StreamCounts } from "./stream-counts.ts";

export interface ServeStreamsDeps extends StreamFacts {
  readonly streams: readonly Stream[];
  readonly store: Store;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Registers `GET /v1/streams`, `GET /v1/streams/:stream` and `GET /v1/streams/:stream/rejected`. */
export function registerStreams(app: FastifyInstance, deps: ServeStreamsDeps): void {
  const streams = new Map(deps.streams.map((stream) => [stream.name, stream]));
  const counts = new StreamCounts(deps.store, deps.loader, deps.clock ?? Date.now);
  const columns = new StreamColumns(deps.store);
  const describe = async (wanted: readonly Stream[]): Promise<readonly StreamDescription[]> => {
    const counted = await counts.of(wanted);
    const described: StreamDescription[] = [];
    // One after the other: a project of many streams must not fill the store's queue.
    for (const stream of wanted) {
      described.push(describeStream(stream, counted(stream), await columns.of(stream), deps));
    }
    return described;
  };
  const streamOf = (request: FastifyRequest): Stream => {
    const { stream: name } = request.params as { readonly stream: string };
    const stream = streams.get(name);
    if (stream === undefined) throw unknownName("stream", name, streams.keys());
    return stream;
  };

  app.get("/v1/streams", { config: { scope: "any" } }, async (_request, reply) => {
    return reply.header("cache-control", "no-store").send({ streams: await describe(deps.streams) });
  });
  app.get("/v1/streams/:stream", { config: { scope: "any" } }, async (request, reply) => {
    const [described] = await describe([streamOf(request)]);
    return reply.header("cache-control", "no-store").send(described);
  });
  app.get("/v1/streams/:stream/rejected", { config: { scope: eventsScope } }, async (request, reply) => {
    const stream = streamOf(request);
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    const page = await listRejected(deps.store, {
      ...pageOptions(request.query),
      stream: stream.name,
      signal: gone.signal,
    });
    void reply.type("application/json; charset=utf-8").header("cache-control", "no-store");
    return reply.send(pageText(page));
  });
}

/** Rejected events are raw events; whoever may replay them has to see them. */
function eventsScope(request: FastifyRequest): readonly [`events:${string}`, "admin"] {
  const { stream } = request.params as { readonly stream: string };
  return [`events:${stream}`, "admin"];
}

function pageOptions(query: unknown): Pick<ListRejectedOptions, "limit" | "cursor" | "code" | "before"> {
  const { limit, cursor, code, before, ...others } = (query ?? {}) as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw badParameter(
      unknown,
      `There is no parameter "${unknown}"; there are limit, cursor, code and before`,
    );
  }
  return {
    ...(limit === undefined ? {} : { limit: wholeNumber("limit", limit) }),
    ...(cursor === undefined ? {} : { cursor: single("cursor", cursor) }),
    ...(code === undefined ? {} : { code: single("code", code) }),
    ...(before === undefined ? {} : { before: instantOf("before", single("before", before)) }),
  };
}

function wholeNumber(name: string, value: unknown): number {
  const text = single(name, value);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badParameter(name, `${name} must be a whole number, got "${text.slice(0, 50)}"`);
}

function single(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw badParameter(name, `${name} was given more than once`);
}

function badParameter(parameter: string, message: string): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter } });
}
