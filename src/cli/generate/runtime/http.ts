import { HeadraceClientError, type ClientOptions } from "./api.ts";

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 20_000;
/** What a busy server or a proxy in front of one answers. */
const RETRYABLE_STATUS = new Set([408, 429, 502, 503, 504]);

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | ArrayBuffer | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One server: requests with a deadline, and its errors as HeadraceClientError. */
export class Http {
  readonly base: string;
  readonly #options: ClientOptions;
  readonly #timeoutMs: number;

  constructor(options: ClientOptions) {
    this.base = String(options.url).replace(/\/+$/, "");
    if (!/^(https?:\/\/|\/|$)/.test(this.base)) {
      throw new HeadraceClientError(
        "bad_option",
        `url: "${this.base}" doesn't start with http:// or https://`,
      );
    }
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
  }

  /** Resolves with the JSON of a 2xx answer. */
  async json({ method, path, headers, body, signal }: HttpRequest): Promise<unknown> {
    signal?.throwIfAborted();
    const { token, fetch: ownFetch } = this.#options;
    const bearer = typeof token === "function" ? await token() : token;
    const sent = new Headers({ accept: "application/json", ...headers });
    if (bearer !== undefined) setToken(sent, bearer);
    const url = `${this.base}${path}`;
    const stop = new AbortController();
    const abort = () => stop.abort();
    const timer = setTimeout(abort, this.#timeoutMs);
    signal?.addEventListener("abort", abort);
    try {
      const init = {
        method,
        headers: sent,
        body: body ?? null,
        redirect: "manual",
        signal: stop.signal,
      } as const;
      const response = await (ownFetch ?? fetch)(url, init);
      const text = await response.text();
      if (!response.ok) throw problemOf(response, text);
      return parseJson(text, response.status);
    } catch (error) {
      if (error instanceof HeadraceClientError) throw error;
      signal?.throwIfAborted();
      const why = stop.signal.aborted ? `gave no answer in ${this.#timeoutMs} ms` : "can't be reached";
      const more = { retryable: true, uncertain: true, cause: error };
      throw new HeadraceClientError("server_unreachable", `${this.base || "the server"} ${why}`, more);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

/**
 * Tries again what may be, with exponential backoff, full jitter, and at least as long a pause as the server asked for,
 * until the attempts or the time are used up.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  limits: { readonly attempts: number; readonly forMs: number; readonly signal: AbortSignal | undefined },
): Promise<T> {
  const deadline = performance.now() + limits.forMs;
  let uncertain = false;
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof HeadraceClientError)) throw error;
      uncertain ||= error.uncertain;
      error.uncertain = uncertain;
      const backoff = Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (tried - 1));
      const pause = (error.retryAfterMs ?? 0) + backoff;
      const over = tried >= limits.attempts || performance.now() + pause > deadline;
      if (!error.retryable || over) throw error;
      await sleep(pause, limits.signal);
    }
  }
}

/** Said without the token: errors are logged. */
function setToken(headers: Headers, token: string): void {
  try {
    headers.set("authorization", `Bearer ${token}`);
  } catch {
    throw new HeadraceClientError("bad_option", "token: it has characters that a header can't hold");
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted === true) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, signal?.aborted === true ? 0 : ms);
    signal?.addEventListener("abort", end);
  });
}

function problemOf(response: Response, text: string): HeadraceClientError {
  const { status } = response;
  const problem = parseObject(text);
  const code = problem?.["code"];
  const known = typeof code === "string";
  const fallback = RETRYABLE_STATUS.has(status) ? "overloaded" : "unexpected_answer";
  const detail = problem?.["detail"] ?? problem?.["title"];
  const inFlight = code === "idempotency_key_in_flight";
  return new HeadraceClientError(
    known ? code : fallback,
    typeof detail === "string" ? detail : `the server answered ${status}`,
    {
      status,
      retryable: inFlight || (RETRYABLE_STATUS.has(status) && code !== "query_timeout"),
      // Headrace itself says these when it keeps nothing; what stands in front of it may say so after it did.
      uncertain: inFlight || (status >= 500 && !(known && status === 503)),
      retryAfterMs: retryAfterMs(response.headers.get("retry-after")),
      problem: problem ?? {},
    },
  );
}

/** A number of seconds or a date. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function parseJson(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HeadraceClientError("unexpected_answer", "the server didn't answer with JSON", {
      status,
      uncertain: true,
      cause,
    });
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
