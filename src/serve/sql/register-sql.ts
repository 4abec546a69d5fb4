import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../../errors.ts";
import type { Stream } from "../../project/declarations.ts";
import type { BoundSql } from "../../project/sql.ts";
import type { QueryFence, QueryLimits, Store } from "../../store/store.ts";
import { KIB } from "../../units.ts";
import { Answer } from "../answer.ts";
import { beginAnswer, weakTag } from "../begin-answer.ts";
import type { AnswerQuery, BegunAnswer } from "../begin-answer.ts";
import { negotiateFormat } from "../negotiate.ts";
import { parametersFromBody } from "../request-parameters.ts";
import type { EndpointOutcome } from "../run-endpoint.ts";
import { nameDownload, sendOutcome, STALLED_CLIENT_MAX } from "../send-outcome.ts";
import { fenceOf } from "./fence-of.ts";
import { introspection } from "./introspection.ts";
import { sqlParams } from "./sql-params.ts";
import type { Turns } from "./turns.ts";

/** A body may have this many bytes: the SQL and its parameters. */
export const SQL_BODY_MAX = 256 * KIB;

export interface ServeSqlDeps {
  /** What may be read. */
  readonly streams: readonly Stream[];
  readonly store: Store;
  readonly limits: QueryLimits;
  /** Queries that run at once; others wait. Fewer than the store's sessions, so that endpoints go on. */
  readonly turns: Turns;
  /** Milliseconds after which a client that takes nothing is cut off. Default `STALLED_CLIENT_MAX`. */
  readonly stalledMax?: number;
}

/** Registers `POST /v1/sql`. */
export function registerSql(app: FastifyInstance, deps: ServeSqlDeps): void {
  const route = new SqlRoute(deps);
  // A scope of its own, whose body parser isn't everybody's.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      "application/json",
      { parseAs: "buffer", bodyLimit: SQL_BODY_MAX },
      (_request, body, done) => done(null, body),
    );
    scope.route({
      method: "POST",
      url: "/v1/sql",
      config: { scope: "sql" },
      bodyLimit: SQL_BODY_MAX,
      handler: (request, reply) => route.post(request, reply),
    });
  });
}

class SqlRoute {
  readonly #deps: ServeSqlDeps;
  readonly #fence: QueryFence;
  readonly #stalledMax: number;

  constructor(deps: ServeSqlDeps) {
    this.#deps = deps;
    this.#stalledMax = deps.stalledMax ?? STALLED_CLIENT_MAX;
    this.#fence = fenceOf(deps.streams);
  }

  async post(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const gone = new AbortController();
    const turn = { end: () => {} };
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) gone.abort();
      turn.end();
    });
    const asked = parametersFromBody(request.query, request.body, request.headers);
    const { text, params } = statementOf(asked.parameters);
    const format = negotiateFormat(asked.format, request.headers.accept);
    // Until the answer is sent: a large one is still being made by then.
    turn.end = await this.#deps.turns.take(gone.signal);
    if (reply.raw.closed) turn.end();
    const query = await this.#queryOf(text, params);
    const begun = await beginAnswer(this.#deps.store, { ...query, format, signal: gone.signal });
    nameDownload(reply, format, "sql");
    return sendOutcome(outcomeOf(begun, format), format, request, reply, this.#stalledMax);
  }

  /** What is ours to answer isn't fenced. */
  async #queryOf(text: string, params: BoundSql["params"]): Promise<Omit<AnswerQuery, "format" | "signal">> {
    const { store, streams, limits } = this.#deps;
    const own = await introspection(text, streams, store);
    return own === undefined ? { sql: { text, params }, limits, fence: this.#fence } : { sql: own, limits };
  }
}

function statementOf(body: Readonly<Record<string, unknown>>): BoundSql {
  const { sql, params, ...others } = body;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw bad(unknown, `There is no member "${unknown.slice(0, 80)}"; there are sql and params`);
  }
  if (typeof sql !== "string") throw bad("sql", 'The body must be a JSON object such as {"sql": "SELECT 1"}');
  if (sql.trim() === "") throw bad("sql", "The SQL is empty");
  return { text: sql, params: sqlParams(sql, params) };
}

function outcomeOf(begun: BegunAnswer, format: Answer["format"]): EndpointOutcome {
  if (begun.kind === "whole") {
    const answer = new Answer(format, begun.body, weakTag(...begun.told));
    return { kind: "whole", answer, cache: "miss" };
  }
  return { kind: "streamed", etag: undefined, parts: begun.parts, cache: "miss" };
}

function bad(parameter: string, message: string): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter: parameter.slice(0, 80) } });
}
