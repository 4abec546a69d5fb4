import { HeadraceClientError, type BaseClient, type CallOptions, type ClientOptions } from "./api.ts";
import { Http, withRetries } from "./http.ts";
import { ingest } from "./ingest.ts";
import { Room } from "./room.ts";
import { Sender } from "./sender.ts";

/** Characters of a URL; with more the parameters go in a body. */
const URL_LENGTH_MAX = 2000;
const QUERY_ATTEMPTS_MAX = 4;
const QUERY_RETRY_FOR_MS = 30_000;
const KIB = 1024;

type Call = (params?: Readonly<Record<string, unknown>>, options?: CallOptions) => Promise<unknown>;

/** The endpoints by name: whether the parameters can be said in a URL, or only in a body. */
type EndpointMethods = Readonly<Record<string, "GET" | "POST">>;

/** The client of a project. Names in `hidden` are in `streams` and `endpoints` only. */
export function buildClient(
  options: ClientOptions,
  streams: readonly string[],
  endpoints: EndpointMethods,
  hidden: readonly string[],
): BaseClient & Record<string, unknown> {
  const http = new Http(options);
  const stopped = new AbortController();
  const room = new Room(atLeast(1, "maxQueuedBytes", options.maxQueuedBytes ?? 16 * KIB * KIB));
  const shared = {
    batchEvents: atLeast(1, "batchEvents", options.batchEvents ?? 5000),
    batchBytes: atLeast(1, "batchBytes", options.batchBytes ?? 512 * KIB),
    lingerMs: atLeast(0, "lingerMs", options.lingerMs ?? 10),
    inFlight: atLeast(1, "inFlight", options.inFlight ?? 1),
    onFull: options.onFull ?? "wait",
  };
  const compress = options.compress ?? true;
  const retryForMs = atLeast(0, "retryForMs", options.retryForMs ?? 120_000);
  const senders = streams.map((stream) => {
    const posting = { compress, retryForMs, signal: stopped.signal };
    return new Sender({ ...shared, post: (parts) => ingest(http, stream, parts, posting) }, room);
  });

  async function flush({ signal }: CallOptions = {}): Promise<void> {
    await orAborted(Promise.all(senders.map((sender) => sender.flush())), signal);
  }

  async function close({ signal }: CallOptions = {}): Promise<void> {
    for (const sender of senders) sender.close();
    try {
      await flush({ signal });
    } catch (reason) {
      for (const sender of senders) sender.abort(reason);
      stopped.abort(reason);
    }
  }

  const streamClients = Object.fromEntries(
    senders.map((sender, index) => [
      streams[index] ?? "",
      { send: (events: unknown, more?: CallOptions) => sender.send(events, more) },
    ]),
  );
  const calls = Object.fromEntries(
    Object.entries(endpoints).map(([name, method]): [string, Call] => [
      name,
      (params = {}, more = {}) => ask(http, name, method, params, more),
    ]),
  );
  const members: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(calls), ...streams])) {
    if (hidden.includes(name)) continue;
    const [call, stream] = [calls[name], streamClients[name]];
    // A stream and an endpoint of one name share a member: a function that has a `send`.
    const both = call !== undefined && stream !== undefined;
    members[name] = both ? Object.assign(call.bind(undefined), stream) : (call ?? stream);
  }
  const base = { flush, close, streams: streamClients, endpoints: calls, queuedBytes: 0 };
  return Object.defineProperty({ ...members, ...base }, "queuedBytes", { get: () => room.used });
}

async function ask(
  http: Http,
  name: string,
  method: "GET" | "POST",
  params: Readonly<Record<string, unknown>>,
  { signal }: CallOptions,
): Promise<unknown> {
  const path = `/v1/endpoints/${name}`;
  const query = method === "GET" ? queryOf(params) : undefined;
  const short = query !== undefined && http.base.length + path.length + query.length < URL_LENGTH_MAX;
  const request = short
    ? { method: "GET" as const, path: path + query, signal }
    : {
        method: "POST" as const,
        path,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(params),
        signal,
      };
  const limits = { attempts: QUERY_ATTEMPTS_MAX, forMs: QUERY_RETRY_FOR_MS, signal };
  const answer = await withRetries(() => http.json(request), limits);
  if (typeof answer === "object" && answer !== null && "data" in answer) return answer;
  throw new HeadraceClientError("unexpected_answer", "the answer has no data");
}

/** The parameters as a query string, an array as a repeated name; undefined when a value can't be said there. */
function queryOf(params: Readonly<Record<string, unknown>>): string | undefined {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null) continue;
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (items.length === 0) return undefined;
    for (const item of items) {
      if (!["string", "number", "boolean"].includes(typeof item)) return undefined;
      query.append(name, String(item));
    }
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function atLeast(min: number, name: string, value: number): number {
  if (value >= min) return value;
  throw new HeadraceClientError("bad_option", `${name} must be at least ${min}, got ${value}`);
}
