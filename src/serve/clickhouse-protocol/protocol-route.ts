import { randomBytes, randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { toHeadraceError, type HeadraceError } from "../../errors.ts";
import type { QueryFence, RawQuery, RawResult } from "../../store/store.ts";
import { MIB } from "../../units.ts";
import { gatherAnswer, WHOLE_ANSWER_MAX, type BegunAnswer } from "../begin-answer.ts";
import { SQL_BODY_MAX } from "../sql/register-sql.ts";
import type { Turns } from "../sql/turns.ts";
import { exceptionBlock, exceptionOf, exceptionText } from "./exceptions.ts";
import { nativeAnswer } from "./native-answer.ts";
import { prepareQuery, type PreparedQuery, type ProtocolContext } from "./prepare-query.ts";
import { readRequest, wantsFrames, type ProtocolRequest } from "./read-request.ts";
import { RunningQueries } from "./running-queries.ts";
import { framedWhole, sendAnswer } from "./send-answer.ts";
import { StandInsOf } from "./stand-ins.ts";

/** With `wait_end_of_query=1` answers up to this many bytes are put together before anything is sent. */
export const WAITED_ANSWER_MAX = 32 * MIB;

export interface RouteDeps {
  /** By which the server calls itself. */
  readonly name: string;
  readonly context: ProtocolContext;
  readonly fence: QueryFence;
  readonly run: (query: RawQuery) => Promise<RawResult>;
  readonly turns: Turns;
  /** Milliseconds after which a client that takes nothing is cut off. */
  readonly stalledMax: number;
}

/** `/`, where everything is asked, and what tells that the server is there. */
export class ProtocolRoute {
  readonly #deps: RouteDeps;
  readonly #standIns: StandInsOf;
  readonly #running = new RunningQueries();

  constructor(deps: RouteDeps) {
    this.#deps = deps;
    this.#standIns = new StandInsOf(deps.context.catalog);
  }

  register(app: FastifyInstance): void {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: SQL_BODY_MAX }, (_request, body, done) =>
      done(null, body),
    );
    for (const url of ["/ping", "/replicas_status"]) {
      app.get(url, { config: { scope: "open" } }, (_request, reply) => sendOk(reply));
    }
    app.route({
      method: ["GET", "POST"],
      url: "/",
      config: { scope: "sql" },
      bodyLimit: SQL_BODY_MAX,
      handler: (request, reply) => this.#answer(request, reply),
    });
  }

  sendError(reply: FastifyReply, error: HeadraceError): FastifyReply {
    const exception = exceptionOf(error);
    const text = exceptionText(exception, this.#deps.context.catalog.version);
    const { status, code, name } = exception;
    if (error.retryAfterSeconds !== undefined) void reply.header("retry-after", error.retryAfterSeconds);
    if (status === 401) void reply.header("www-authenticate", 'Basic realm="ClickHouse server HTTP API"');
    // As clients expect it: who isn't let in is told so in plain text.
    const framed = status !== 401 && status !== 403 && wantsFrames(reply.request.query);
    return reply
      .code(status)
      .headers({
        "x-clickhouse-exception-code": code,
        "x-clickhouse-exception-name": name,
        "x-clickhouse-server-display-name": this.#deps.name,
        "content-type": framed ? "application/octet-stream" : "text/plain; charset=UTF-8",
        "cache-control": "no-store",
      })
      .removeHeader("content-encoding")
      .send(framed ? framedWhole(Buffer.from(text)) : text);
  }

  async #answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const gone = new AbortController();
    const ends: (() => void)[] = [];
    const end = (): void => {
      for (const one of ends.splice(0)) one();
    };
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) gone.abort();
      end();
    });
    const asked = await readRequest(request.query, request.headers, request.body);
    const caller = request.caller?.name ?? "";
    const queryId = asked.queryId ?? randomUUID();
    this.#setHeaders(reply, queryId, asked);
    if (request.method === "GET" && asked.sql.trim() === "") return sendOk(reply);
    const kill = (id: string): boolean => this.#running.kill(caller, id);
    const query = prepareQuery(asked, this.#deps.context, kill);
    if (query === undefined) return reply.header("content-type", "text/plain; charset=UTF-8").send("");
    ends.push(this.#running.add(caller, queryId, gone));
    // Until the answer is sent: a large one is still being made by then.
    ends.push(await this.#deps.turns.take(gone.signal));
    if (reply.raw.closed) end();
    const begun = await this.#run(asked, query, caller, gone.signal);
    return this.#send(begun, { asked, query }, request, reply);
  }

  async #run(
    asked: ProtocolRequest,
    { sql, format, settings, database }: PreparedQuery,
    caller: string,
    signal: AbortSignal,
  ): Promise<TimedAnswer> {
    const { run, fence, context } = this.#deps;
    const since = performance.now();
    const stop = new AbortController();
    const user = caller === "" ? "default" : caller;
    const result = await run({
      sql,
      format: format.name,
      settings: settings.engine,
      limits: settings.limits,
      signal: AbortSignal.any([signal, stop.signal]),
      fence: {
        ...fence,
        standIns: this.#standIns.for({ database, databases: context.databases, user }),
      },
    });
    const parts = nativeAnswer(result.chunks, format.name === "Native" ? asked.revision : 0);
    const begun = await gatherAnswer(parts, stop, asked.wait ? WAITED_ANSWER_MAX : WHOLE_ANSWER_MAX);
    return { ...begun, time: performance.now() - since };
  }

  #send(
    begun: TimedAnswer,
    { asked, query }: { readonly asked: ProtocolRequest; readonly query: PreparedQuery },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { format } = query;
    const tag = randomBytes(TAG_BYTES).toString("hex");
    void reply.headers({
      "content-type": format.mediaType,
      "x-clickhouse-format": format.name,
      "x-clickhouse-summary": summaryOf(begun),
      ...(begun.kind === "large" ? { "x-clickhouse-exception-tag": tag } : {}),
    });
    const { version } = this.#deps.context.catalog;
    return sendAnswer(begun, request, reply, {
      framed: asked.framed,
      httpCompression: asked.httpCompression && !asked.framed,
      stalledMax: this.#deps.stalledMax,
      lastWords: (error) => exceptionBlock(exceptionText(exceptionOf(toHeadraceError(error)), version), tag),
    });
  }

  #setHeaders(reply: FastifyReply, queryId: string, { settings }: ProtocolRequest): void {
    void reply.headers({
      "x-clickhouse-query-id": headerSafe(queryId),
      "x-clickhouse-server-display-name": this.#deps.name,
      "x-clickhouse-timezone": headerSafe(settings["session_timezone"] ?? "UTC"),
      "cache-control": "no-store",
    });
  }
}

/** With the milliseconds until it was begun. */
type TimedAnswer = BegunAnswer & { readonly time: number };

/** Clients take 16 characters. */
const TAG_BYTES = 8;
const NANOSECONDS = 1e6;

/** Numbers as text, as ClickHouse has them. What the query read isn't known before an answer has ended, and so 0 there, too. */
function summaryOf(begun: TimedAnswer): string {
  return JSON.stringify({
    read_rows: "0",
    read_bytes: "0",
    written_rows: "0",
    written_bytes: "0",
    total_rows_to_read: "0",
    result_rows: "0",
    result_bytes: begun.kind === "whole" ? String(begun.body.length) : "0",
    elapsed_ns: String(Math.round(begun.time * NANOSECONDS)),
  });
}

function sendOk(reply: FastifyReply): FastifyReply {
  return reply.header("content-type", "text/html; charset=UTF-8").send("Ok.\n");
}

function headerSafe(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}
