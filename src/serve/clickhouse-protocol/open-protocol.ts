import { randomBytes, randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { toHeadraceError, HeadraceError } from "../../errors.ts";
import type { Stream } from "../../project/declarations.ts";
import type { BoundSql } from "../../project/sql.ts";
import type { QueryFence, QueryLimits, RawQuery, Store } from "../../store/store.ts";
import { MIB } from "../../units.ts";
import { gatherAnswer, WHOLE_ANSWER_MAX } from "../begin-answer.ts";
import { STALLED_CLIENT_MAX } from "../send-outcome.ts";
import { fenceOf } from "../sql/fence-of.ts";
import { SQL_BODY_MAX } from "../sql/register-sql.ts";
import type { Turns } from "../sql/turns.ts";
import { readCatalog, type Catalog } from "./catalog.ts";
import { passwordOf } from "./credentials.ts";
import { CODES, exceptionBlock, exceptionOf, exceptionText, refusal } from "./exceptions.ts";
import { DEFAULT_FORMAT, formatOf, type RawFormat } from "./formats.ts";
import { nativeAnswer } from "./native-answer.ts";
import { querySettings, type QuerySettings } from "./query-settings.ts";
import { readRequest, wantsFrames, type ProtocolRequest } from "./read-request.ts";
import { rewriteStatement } from "./rewrite-statement.ts";
import { RunningQueries } from "./running-queries.ts";
import { framedWhole, sendAnswer } from "./send-answer.ts";
import { StandInsOf } from "./stand-ins.ts";
import { readStatement } from "./statement.ts";

/** With `wait_end_of_query=1` answers up to this many bytes are put together before anything is sent. */
export const WAITED_ANSWER_MAX = 32 * MIB;

/** The database's name for tools that name none. The project's own name means the same. */
export const DEFAULT_DATABASE = "default";

export interface ProtocolDeps {
  /** The project's name: another name of the database. */
  readonly project: string;
  /** What may be read. */
  readonly streams: readonly Stream[];
  readonly store: Store;
  readonly limits: QueryLimits;
  /** Shared with `POST /v1/sql`. */
  readonly turns: Turns;
  /** Milliseconds after which a client that takes nothing is cut off. Default `STALLED_CLIENT_MAX`. */
  readonly stalledMax?: number;
}

/** ClickHouse's HTTP protocol, for a server of its own. https://clickhouse.com/docs/interfaces/http */
export interface Protocol {
  /** Registers its routes: `/`, `/ping` and `/replicas_status`. */
  register(app: FastifyInstance): void;
  /** Answers an error as ClickHouse does. */
  sendError(reply: FastifyReply, error: HeadraceError): FastifyReply;
  /** Where a request has its token. */
  tokenOf(request: FastifyRequest): string | undefined;
}

/**
 * Asks the store what tools will want to know.
 * @throws HeadraceError `config_invalid` when the store doesn't speak ClickHouse's formats.
 */
export async function openProtocol(deps: ProtocolDeps): Promise<Protocol> {
  const { store, streams } = deps;
  if (store.rawQuery === undefined) {
    throw new HeadraceError(
      "config_invalid",
      "HEADRACE_CLICKHOUSE_PORT: the store isn't ClickHouse, and its SQL and formats aren't either; unset it",
    );
  }
  const catalog = await readCatalog(store, streams);
  const route = new ProtocolRoute({ ...deps, run: (query) => runRaw(store, query) }, catalog);
  return {
    register: (app) => route.register(app),
    sendError: (reply, error) => route.sendError(reply, error),
    tokenOf: passwordOf,
  };
}

type RawRun = ReturnType<NonNullable<Store["rawQuery"]>>;

function runRaw(store: Store, query: RawQuery): RawRun {
  if (store.rawQuery === undefined) throw new HeadraceError("internal_error", "the store has no raw queries");
  return store.rawQuery(query);
}

interface RouteDeps extends ProtocolDeps {
  readonly run: (query: RawQuery) => RawRun;
}

/** What is known of a request when its query can run. */
interface Job {
  readonly asked: ProtocolRequest;
  readonly sql: BoundSql;
  readonly format: RawFormat;
  readonly settings: QuerySettings;
  readonly database: string;
  readonly user: string;
}

class ProtocolRoute {
  readonly #deps: RouteDeps;
  readonly #catalog: Catalog;
  readonly #standIns: StandInsOf;
  readonly #fence: QueryFence;
  readonly #databases: readonly string[];
  readonly #running = new RunningQueries();

  constructor(deps: RouteDeps, catalog: Catalog) {
    this.#deps = deps;
    this.#catalog = catalog;
    this.#standIns = new StandInsOf(catalog);
    this.#fence = fenceOf(deps.streams);
    this.#databases = [...new Set([DEFAULT_DATABASE, deps.project])].filter((name) => !RESERVED.has(name));
  }

  register(app: FastifyInstance): void {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: SQL_BODY_MAX }, (_request, body, done) =>
      done(null, body),
    );
    const ok = (_request: FastifyRequest, reply: FastifyReply): FastifyReply =>
      reply.header("content-type", "text/html; charset=UTF-8").send("Ok.\n");
    app.get("/ping", { config: { scope: "open" } }, ok);
    app.get("/replicas_status", { config: { scope: "open" } }, ok);
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
    const text = exceptionText(exception, this.#catalog.version);
    const { status } = exception;
    if (error.retryAfterSeconds !== undefined) void reply.header("retry-after", error.retryAfterSeconds);
    if (status === 401) void reply.header("www-authenticate", 'Basic realm="ClickHouse server HTTP API"');
    // As ClickHouse does: who isn't let in may not even know of frames.
    const framed = status !== 401 && status !== 403 && wantsFrames(reply.request.query);
    return reply
      .code(status)
      .header("x-clickhouse-exception-code", exception.code)
      .header("x-clickhouse-exception-name", exception.name)
      .header("x-clickhouse-server-display-name", this.#deps.project)
      .header("content-type", framed ? "application/octet-stream" : "text/plain; charset=UTF-8")
      .header("cache-control", "no-store")
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
    this.#setHeaders(reply, queryId, asked.settings["session_timezone"]);
    if (request.method === "GET" && asked.sql.trim() === "") {
      return reply.header("content-type", "text/html; charset=UTF-8").send("Ok.\n");
    }
    const job = this.#prepare(asked, caller);
    if (job === undefined) return nothing(reply);
    ends.push(this.#running.add(caller, queryId, gone));
    // Until the answer is sent: a large one is still being made by then.
    ends.push(await this.#deps.turns.take(gone.signal));
    if (reply.raw.closed) end();
    return this.#run(job, gone.signal, request, reply);
  }

  /** Undefined when nothing is to be answered. */
  #prepare(asked: ProtocolRequest, caller: string): Job | undefined {
    const database = this.#databaseOf(asked.database);
    const statement = readStatement(asked.sql);
    const names = { databases: this.#databases, tables: this.#deps.streams.map(({ name }) => name) };
    const rewritten = rewriteStatement(statement.text, names);
    const set = rewritten?.kind === "set" ? rewritten.settings : {};
    const wanted = { ...asked.settings, ...statement.settings, ...set };
    const settings = querySettings(wanted, this.#deps.limits, this.#catalog.outputSettings);
    const name = statement.format ?? asked.format ?? DEFAULT_FORMAT;
    const format = formatOf(name);
    if (format === undefined) {
      throw refusal(CODES.unknownFormat, `Unknown format ${name.slice(0, 80)} for answers here`);
    }
    if (rewritten?.kind === "done" || rewritten?.kind === "set") return undefined;
    let sql: BoundSql = { text: statement.text, params: asked.params };
    if (rewritten?.kind === "kill") sql = this.#kill(caller, rewritten.queryId);
    if (rewritten?.kind === "select") sql = rewritten.sql;
    return { asked, sql, format, settings, database, user: caller === "" ? "default" : caller };
  }

  async #run(
    { asked, sql, format, settings, database, user }: Job,
    signal: AbortSignal,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const stop = new AbortController();
    const since = performance.now();
    const result = await this.#deps.run({
      sql,
      format: format.name,
      settings: settings.engine,
      limits: settings.limits,
      signal: AbortSignal.any([signal, stop.signal]),
      fence: { ...this.#fence, standIns: this.#standIns.for({ database, databases: this.#databases, user }) },
    });
    const parts = nativeAnswer(result.chunks, format.name === "Native" ? asked.revision : 0);
    const begun = await gatherAnswer(parts, stop, asked.wait ? WAITED_ANSWER_MAX : WHOLE_ANSWER_MAX);
    const tag = randomBytes(TAG_BYTES).toString("hex");
    void reply.header("content-type", format.mediaType).header("x-clickhouse-format", format.name);
    void reply.header("x-clickhouse-summary", summary(performance.now() - since, begun));
    if (begun.kind === "large") void reply.header("x-clickhouse-exception-tag", tag);
    return sendAnswer(begun, request, reply, {
      framed: asked.framed,
      httpCompression: asked.httpCompression && !asked.framed,
      stalledMax: this.#deps.stalledMax ?? STALLED_CLIENT_MAX,
      lastWords: (error) =>
        exceptionBlock(exceptionText(exceptionOf(toHeadraceError(error)), this.#catalog.version), tag),
    });
  }

  #setHeaders(reply: FastifyReply, queryId: string, timezone = "UTC"): void {
    void reply.headers({
      "x-clickhouse-query-id": headerSafe(queryId),
      "x-clickhouse-server-display-name": this.#deps.project,
      "x-clickhouse-timezone": headerSafe(timezone),
      "cache-control": "no-store",
    });
  }

  #databaseOf(name: string | undefined): string {
    if (name === undefined) return DEFAULT_DATABASE;
    if (this.#databases.includes(name) || RESERVED.has(name)) {
      return RESERVED.has(name) ? DEFAULT_DATABASE : name;
    }
    throw refusal(CODES.unknownDatabase, `Database ${name.slice(0, 80)} does not exist`);
  }

  #kill(caller: string, queryId: string): BoundSql {
    const found = this.#running.kill(caller, queryId);
    const text =
      "SELECT 'finished' AS kill_status, {headrace_id:String} AS query_id, 'default' AS user, '' AS query WHERE " +
      (found ? "1" : "0");
    return { text, params: { headrace_id: { type: "String", value: queryId } } };
  }
}

/** Databases that aren't the project's: what is in them are views. */
const RESERVED: ReadonlySet<string> = new Set(["system", "information_schema", "INFORMATION_SCHEMA"]);

/** Clients take 16 characters. */
const TAG_BYTES = 8;

/** Numbers as text, as ClickHouse has them. What the query read isn't known before an answer has ended. */
function summary(milliseconds: number, begun: { readonly kind: string; readonly body?: Buffer }): string {
  return JSON.stringify({
    read_rows: "0",
    read_bytes: "0",
    written_rows: "0",
    written_bytes: "0",
    total_rows_to_read: "0",
    result_rows: "0",
    result_bytes: String(begun.body?.length ?? 0),
    elapsed_ns: String(Math.round(milliseconds * 1e6)),
  });
}

function headerSafe(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}

function nothing(reply: FastifyReply): FastifyReply {
  return reply.header("content-type", "text/plain; charset=UTF-8").send("");
}
