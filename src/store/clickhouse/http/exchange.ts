import { Agent as PlainAgent, request as plainRequest, type IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import type { Socket } from "node:net";
import { messageOf } from "../../../errors.ts";
import { KIB, SECOND } from "../../../units.ts";
import type { ClickHouseTarget, HttpHost } from "./connect-options.ts";
import { exceptionOf, EXCEPTION_BYTES_MAX } from "./exception.ts";
import { cancelled } from "../waiting-line.ts";

/** Milliseconds to connect. */
const CONNECT_TIMEOUT = 10 * SECOND;
/** A network that went silent is noticed after some times this, in milliseconds. */
const KEEP_ALIVE = 15 * SECOND;
/** Idle connections that are kept for each host. */
const IDLE_MAX = 16;
/** The head of a URL that a server takes is 1 MiB long by its own default; parameters are most of it. Bytes. */
export const URL_BYTES_MAX = 768 * KIB;

/** One request in ClickHouse's HTTP protocol. */
export interface HttpCall {
  /** Settings and the like, in the URL. */
  readonly params: Readonly<Record<string, string | number>>;
  readonly body: readonly Uint8Array[];
  /** Milliseconds until the answer must have begun. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** An answer that has begun goes on within this time, or it has broken off. Milliseconds. */
const SILENCE_MAX = 30 * SECOND;

/** The server couldn't be reached, or the connection broke, or something between said that it couldn't reach it. */
export class Unreachable extends Error {
  /** Whether the request may have arrived all the same. */
  readonly sent: boolean;

  /** Nothing listens there. */
  get refused(): boolean {
    const { cause } = this;
    return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
  }

  constructor(message: string, sent: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = "Unreachable";
    this.sent = sent;
  }
}

/** Sends requests to one host, over connections that are kept. */
export class HttpExchange {
  /** Such as `db.example.com:8123`. */
  readonly name: string;
  readonly #host: HttpHost;
  readonly #target: ClickHouseTarget;
  readonly #agent: PlainAgent;

  constructor(target: ClickHouseTarget, host: HttpHost) {
    this.#target = target;
    this.#host = host;
    this.name = `${host.host}:${host.port}`;
    const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE, maxFreeSockets: IDLE_MAX };
    this.#agent = target.tls === false ? new PlainAgent(options) : new TlsAgent(options);
  }

  /**
   * Sends a call and gives the answer once it has begun and is a good one. Fails with what ClickHouse says
   * (ClickHouseError) or with Unreachable.
   */
  async send(call: HttpCall): Promise<IncomingMessage> {
    const answer = await this.#begin(call);
    const { statusCode, headers } = answer;
    const isGood = statusCode === 200 && headers["x-clickhouse-exception-code"] === undefined;
    // A proxy, or another program at that port, can say 200 too.
    if (isGood && headers["x-clickhouse-query-id"] !== undefined) return answer;
    const text = await readSome(answer);
    const failure = exceptionOf(headers, text);
    if (failure !== undefined) throw failure;
    if (isGood) throw new Unreachable(`What answers at ${this.name} isn't ClickHouse`, true);
    const said = text.trim().replaceAll(/\s+/g, " ").slice(0, 200);
    throw new Unreachable(`${this.name} answered ${statusCode}${said === "" ? "" : `: ${said}`}`, true);
  }

  /** Breaks off what is under way. */
  close(): void {
    this.#agent.destroy();
  }

  async #begin({ params, body, timeout, signal }: HttpCall): Promise<IncomingMessage> {
    if (isAborted(signal)) throw cancelled();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { tls, user, password } = this.#target;
    const send = tls === false ? plainRequest : tlsRequest;
    const request = send({
      ...this.#host,
      ...(tls === false ? {} : tls),
      agent: this.#agent,
      method: "POST",
      path: `/?${queryText(params)}`,
      headers: {
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
        "content-type": "application/octet-stream",
        "content-length": body.reduce((sum, chunk) => sum + chunk.length, 0),
        "user-agent": "headrace",
      },
    });
    let connected = false;
    let socketOf: Socket | undefined;
    /** With a reset, what the server hasn't read yet is lost to it too. */
    const giveUp = (why: string): void => {
      socketOf?.resetAndDestroy();
      request.destroy(new Error(why));
    };
    const ready = (): void => {
      connected = true;
      clearTimeout(connecting);
    };
    const limit = setTimeout(() => giveUp(`no answer within ${timeout / SECOND} s`), timeout);
    const connecting = setTimeout(
      () => giveUp(`no connection within ${CONNECT_TIMEOUT / SECOND} s`),
      CONNECT_TIMEOUT,
    );
    const abort = (): void => giveUp("it was cancelled");
    signal?.addEventListener("abort", abort, { once: true });
    request.on("socket", (socket: Socket) => {
      socketOf = socket;
      if (socket.connecting) socket.once(tls === false ? "connect" : "secureConnect", ready);
      else ready();
    });
    request.on("response", resolve);
    request.on("error", (error) =>
      reject(new Unreachable(`${this.name}: ${messageOf(error)}`, connected, error)),
    );
    for (const chunk of body) request.write(chunk);
    request.end();
    try {
      return await promise;
    } catch (error) {
      throw isAborted(signal) ? cancelled() : error;
    } finally {
      clearTimeout(limit);
      clearTimeout(connecting);
      signal?.removeEventListener("abort", abort);
    }
  }
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

function queryText(params: HttpCall["params"]): string {
  const texts = Object.entries(params).map(([name, value]): [string, string] => [name, String(value)]);
  return new URLSearchParams(texts).toString();
}

/** The whole body of an answer of our own. Fails with Unreachable when it breaks off. */
export async function readWhole(answer: IncomingMessage): Promise<Buffer> {
  try {
    return await gather(answer, Infinity);
  } catch (error) {
    throw new Unreachable(`The answer broke off: ${messageOf(error)}`, true, error);
  }
}

/** The text of an error, or the beginning of whatever it is. */
async function readSome(answer: IncomingMessage): Promise<string> {
  try {
    return (await gather(answer, EXCEPTION_BYTES_MAX)).toString();
  } catch {
    return "";
  }
}

/** The bytes of an answer, of a longer one the first. */
async function gather(answer: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const silence = setTimeout(
    () => answer.destroy(new Error(`nothing came for ${SILENCE_MAX / SECOND} s`)),
    SILENCE_MAX,
  );
  try {
    for await (const chunk of answer) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > bytesMax) break;
      silence.refresh();
    }
  } finally {
    clearTimeout(silence);
  }
  return Buffer.concat(chunks);
}
