import { isLoopback, loadClientConfig } from "../config.ts";
import { ERRORS, HeadraceError, messageOf, type ErrorCode } from "../errors.ts";
import { MINUTE, SECOND } from "../units.ts";
import { printLine, styled, type Io } from "./io.ts";

/** How long a request may take when the caller says nothing else. */
const REQUEST_TIMEOUT = MINUTE;
/** How much of an answer that isn't a problem document a message quotes, in characters. */
const QUOTE_MAX = 200;

export interface ClientRequest {
  readonly method?: "GET" | "POST" | "DELETE";
  /** From the root: "/v1/streams". */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Aborting rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds until the headers of the answer are there and its body is read. Default one minute. */
  readonly timeout?: number;
}

/** Talks to a running server. */
export interface Client {
  readonly url: string;
  /**
   * Sends one request and resolves with a 2xx answer.
   * @throws HeadraceError `server_unreachable` when nothing answers, `unexpected_answer` when it isn't a Headrace
   * server that does, else the server's own code and message.
   */
  request(request: ClientRequest): Promise<Response>;
  /** The same, with the body read as JSON. */
  json(request: ClientRequest): Promise<unknown>;
}

/**
 * A client of the server that HEADRACE_URL names, with the token of HEADRACE_TOKEN. A token that goes over the network
 * readable by anyone is worth a warning, and no more: the network may be one's own.
 */
export function connect(io: Io): Client {
  const server = loadClientConfig();
  const { protocol, hostname } = new URL(server.url);
  if (server.token !== undefined && protocol === "http:" && !isLoopback(hostname.replace(/^\[|\]$/g, ""))) {
    const warning = `HEADRACE_TOKEN goes to ${hostname} unencrypted: use https in HEADRACE_URL`;
    printLine(io.stderr, `${styled(io.stderr, "yellow", "warning:")} ${warning}`);
  }
  return createClient(server);
}

export function createClient(server: { readonly url: string; readonly token: string | undefined }): Client {
  const base = server.url.replace(/\/+$/, "");

  async function request({ method = "GET", path, headers, body, signal, timeout }: ClientRequest) {
    const deadline = AbortSignal.timeout(timeout ?? REQUEST_TIMEOUT);
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, {
        method,
        redirect: "error",
        headers: {
          accept: "application/json",
          ...(server.token === undefined ? {} : { authorization: `Bearer ${server.token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(base, error);
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  return {
    url: base,
    request,
    async json(options) {
      const response = await request(options);
      try {
        return await response.json();
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof SyntaxError)) throw unreachable(base, error);
        throw new HeadraceError("unexpected_answer", `${base}${options.path} didn't answer with JSON`, {
          cause: error,
        });
      }
    },
  };
}

function unreachable(url: string, error: unknown): HeadraceError {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new HeadraceError("server_unreachable", `${url} gave no answer in time`, { cause: error });
  }
  // fetch says only "fetch failed"; what failed is in its cause.
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const reason = cause instanceof Error && "code" in cause ? String(cause.code) : messageOf(cause);
  return new HeadraceError("server_unreachable", `nothing answers at ${url} (${reason})`, { cause: error });
}

/** The HeadraceError that an answer outside 2xx stands for. */
async function problemOf(response: Response): Promise<HeadraceError> {
  const text = await response.text().catch(() => "");
  const problem = parseObject(text);
  const code = problem?.["code"];
  const retryAfterSeconds = secondsOf(response.headers.get("retry-after"));
  const options = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  if (problem === undefined || typeof code !== "string" || !isErrorCode(code)) {
    const quote = text.trim().slice(0, QUOTE_MAX);
    return new HeadraceError(
      RETRYABLE_STATUS.has(response.status) ? "overloaded" : "unexpected_answer",
      `${response.url} answered ${response.status}${quote === "" ? "" : `: ${quote}`}`,
      options,
    );
  }
  const detail = problem["detail"] ?? problem["title"];
  return new HeadraceError(code, typeof detail === "string" ? detail : ERRORS[code].title, {
    ...options,
    details: problem,
  });
}

/** What a proxy in between answers when the server behind it is away for a moment. */
const RETRYABLE_STATUS = new Set([408, 429, 502, 503, 504]);

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Retry-After is a number of seconds or a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / SECOND;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
