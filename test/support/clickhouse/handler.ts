import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ClickHouseError } from "../../../src/store/clickhouse/clickhouse-error.ts";
import type { Engine, Statement } from "./engine.ts";
import type { Fault, ServerArguments } from "./messages.ts";

const LATE = 300;
const VERSION = "(version 26.7.2.1 (official build))";
const TAG = "headracetesttags";
/** What isn't a setting among the parameters of a URL. */
const OWN = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "wait_end_of_query",
  "user",
  "password",
]);

/** Answers requests as ClickHouse does. */
export class Handler {
  faulted = 0;
  readonly #engine: Engine;
  readonly #login: string;
  #faults: Fault[] = [];
  /** Inserts that aren't in the engine yet, and whether they were killed. */
  readonly #pending = new Map<string, { killed: boolean }>();

  constructor(engine: Engine, { user, password }: ServerArguments) {
    this.#engine = engine;
    this.#login = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }

  fault(fault: Fault): void {
    this.#faults.push(fault);
  }

  listener(): RequestListener {
    return (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.socket?.destroy();
        else refuse(response, error);
      });
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (request.headers.authorization !== this.#login) {
      const message =
        "Code: 516. DB::Exception: headrace: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)";
      throw new ClickHouseError(message, 516);
    }
    const params = new URL(request.url ?? "/", "http://x").searchParams;
    const statement = statementOf(params, body);
    const whole = params.get("wait_end_of_query") === "1";
    const isInsert = /^\s*INSERT\b/.test(statement.sql);
    const fault = this.#take(isInsert ? "insert" : "query", statement.sql, !whole);
    response.setHeader("x-clickhouse-query-id", statement.id);
    response.setHeader("x-clickhouse-exception-tag", TAG);
    switch (fault?.kind) {
      case "drop before":
        response.socket?.destroy();
        return;
      case "busy":
        response.writeHead(503).end("<html>no server is available</html>");
        return;
      case "silent":
        return;
      case "late":
        response.socket?.destroy();
        break;
      case "slow":
      case "drop after":
      case "garbage":
      case "cut":
      case undefined:
        break;
    }
    if (isInsert) await this.#insert(statement, response, fault);
    else await this.#query(statement, response, fault, whole);
  }

  #take(on: Fault["on"], sql: string, streamed: boolean): Fault | undefined {
    // What ends a query, and looks whether it has ended, isn't hindered: whoever does it would try again.
    if (/KILL QUERY|system\.processes/.test(sql)) return undefined;
    // Only an answer that comes in pieces can be cut.
    const fault = this.#faults.find((one) => one.on === on && (one.kind !== "cut" || streamed));
    if (fault === undefined) return undefined;
    this.faulted += 1;
    this.#faults = this.#faults.flatMap((one) =>
      one !== fault ? [one] : one.times > 1 ? [{ ...one, times: one.times - 1 }] : [],
    );
    return fault;
  }

  async #insert(statement: Statement, response: ServerResponse, fault: Fault | undefined): Promise<void> {
    const pending = { killed: false };
    this.#pending.set(statement.id, pending);
    try {
      if (fault?.kind === "late" || fault?.kind === "slow") await sleep(fault.delay ?? LATE);
      const written = await this.#engine.insert(statement, () => {
        this.#pending.delete(statement.id);
        return pending.killed;
      });
      if (fault?.kind === "drop after") response.socket?.destroy();
      else if (fault?.kind === "garbage") {
        response.removeHeader("x-clickhouse-query-id");
        response.writeHead(200).end("<html>hello</html>");
      } else response.writeHead(200, { "x-clickhouse-summary": `{"written_rows":"${written}"}` }).end();
    } finally {
      this.#pending.delete(statement.id);
    }
  }

  async #query(
    statement: Statement,
    response: ServerResponse,
    fault: Fault | undefined,
    whole: boolean,
  ): Promise<void> {
    if (/^\s*KILL QUERY/.test(statement.sql)) this.#killPending(statement.sql);
    if (
      statement.sql.startsWith("SELECT count() FROM system.processes WHERE") &&
      this.#pendingOf(statement.sql).length > 0
    ) {
      response.end("1\n");
      return;
    }
    if (
      whole ||
      !/^\s*(?:SELECT|WITH|FROM|DESCRIBE|EXPLAIN|EXISTS|SHOW|\()/i.test(withoutComments(statement.sql))
    ) {
      const bytes = await this.#engine.run(statement);
      if (fault?.kind === "drop after") response.socket?.destroy();
      else response.end(bytes);
      return;
    }
    await this.#stream(statement, response, fault);
  }

  async #stream(statement: Statement, response: ServerResponse, fault: Fault | undefined): Promise<void> {
    const answer = await this.#engine.stream(statement);
    const gone = once(response, "close").then(() => undefined);
    let over = false;
    void gone.then(() => (over ? undefined : answer.leave()));
    try {
      for (;;) {
        const chunk = await Promise.race([answer.next(), gone]);
        if (chunk === undefined) break;
        if (!response.write(chunk)) await Promise.race([once(response, "drain"), gone]);
        if (fault?.kind === "cut") response.socket?.destroy();
      }
      over = !response.destroyed;
      response.end();
    } catch (error) {
      over = true;
      if (!response.headersSent) throw error;
      const text = textOf(error);
      response.write(
        `\r\n__exception__\r\n${TAG}\r\n${text}\n${Buffer.byteLength(text) + 1} ${TAG}\r\n__exception__\r\n`,
        // As ClickHouse does, so that nobody takes the answer for a whole one.
        () => response.socket?.destroy(),
      );
    }
  }

  #killPending(sql: string): void {
    for (const pending of this.#pendingOf(sql)) pending.killed = true;
  }

  /** Those that aren't in the engine yet, but would be in a server's list of processes. */
  #pendingOf(sql: string): { killed: boolean }[] {
    const exact = /query_id = '((?:[^'\\]|\\.)*)'/.exec(sql)?.[1];
    const prefix = /startsWith\(query_id, '((?:[^'\\]|\\.)*)'\)/.exec(sql)?.[1];
    return [...this.#pending].flatMap(([id, pending]) =>
      !pending.killed && (id === exact || (prefix !== undefined && id.startsWith(prefix))) ? [pending] : [],
    );
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function statementOf(params: URLSearchParams, body: Buffer): Statement {
  const query = params.get("query");
  const all = [...params].filter(([name]) => !OWN.has(name));
  return {
    sql: query ?? body.toString(),
    data: query === null ? Buffer.alloc(0) : body,
    id: params.get("query_id") ?? randomUUID(),
    format: params.get("default_format") ?? "TabSeparated",
    database: params.get("database") ?? undefined,
    settings: Object.fromEntries(all.filter(([name]) => !name.startsWith("param_"))),
    params: Object.fromEntries(all.filter(([name]) => name.startsWith("param_"))),
  };
}

const withoutComments = (sql: string): string => sql.replaceAll(/--[^\n]*|\/\*.*?\*\//gs, " ");

function textOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `${/^Code: \d+\./.test(message) ? message : `Code: 1002. DB::Exception: ${message}`} ${VERSION}`;
}

const STATUS: Readonly<Record<number, number>> = { 62: 400, 60: 404, 81: 404, 115: 404, 516: 403, 164: 403 };

function refuse(response: ServerResponse, error: unknown): void {
  const code = error instanceof ClickHouseError ? (error.code ?? 1002) : 1002;
  response.writeHead(STATUS[code] ?? 500, { "x-clickhouse-exception-code": code });
  response.end(`${textOf(error)}\n`);
}
