/** How a client is made; everything but `url` has a default. */
export interface ClientOptions {
  /** The server, such as "https://events.example.org". A path is kept; "" means the page's own origin in a browser. */
  readonly url: string | URL;
  /** Sent as `Authorization: Bearer …`; a function is asked before each request. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Called instead of the global `fetch`. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Milliseconds that one request may take. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Events of one request at most. Default 5,000. */
  readonly batchEvents?: number | undefined;
  /** Bytes of one request at most, before compression; a larger event goes alone. Default 512 KiB. */
  readonly batchBytes?: number | undefined;
  /** Milliseconds that an event waits for others at most. Default 10. */
  readonly lingerMs?: number | undefined;
  /** Requests under way at once for each stream. Default 1, which keeps the order of batches. */
  readonly inFlight?: number | undefined;
  /** Compresses with gzip where the runtime can. Default true. */
  readonly compress?: boolean | undefined;
  /**
   * Bytes of events that are held until they are accepted, all streams together: their JSON, and 64 bytes for each.
   * An event larger than this waits until nothing else is held. Default 16 MiB.
   */
  readonly maxQueuedBytes?: number | undefined;
  /** What `send` does when that is reached: it waits for room (default), or rejects with the code `queue_full`. */
  readonly onFull?: "wait" | "reject" | undefined;
  /** Milliseconds over which a batch is tried again before its sends fail. Default 120,000; 0 tries once. */
  readonly retryForMs?: number | undefined;
}

/** What became of the events of one `send`. */
export interface SendResult<Event> {
  /** Events that are on the server's disk. */
  readonly accepted: number;
  /** Events that don't fit the stream's schema. The server keeps them with the reasons. */
  readonly rejected: number;
  /** Why events were rejected: the first 100 reasons. */
  readonly errors: readonly SendError<Event>[];
}

export interface SendError<Event> {
  /** The event's place in this `send`, from 0. */
  readonly index: number;
  /** A copy of the event. */
  readonly event: Event;
  /** JSON pointer to the value. */
  readonly path: string;
  /** Such as "invalid_type". */
  readonly code: string;
  readonly message: string;
}

export interface CallOptions {
  /** Aborting rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A stream: where events go. */
export interface StreamClient<Event> {
  /**
   * Sends one event, or all of an array, an iterable or an asynchronous iterable, which is read no faster than there is
   * room. Resolves when they are on the server's disk; events that don't fit are in the result. Batches gather the
   * events of all calls. A batch is tried again with the same Idempotency-Key, so that it counts once.
   *
   * Rejects with a HeadraceClientError when events couldn't be delivered. Aborting takes back what isn't under way.
   */
  send(
    events: Event | Iterable<Event> | AsyncIterable<Event>,
    options?: CallOptions,
  ): Promise<SendResult<Event>>;
}

/** What an endpoint answers. */
export interface Answer<Row> {
  readonly data: Row[];
  /** The columns, with the store's types. */
  readonly meta: { readonly name: string; readonly type: string }[];
  /** How many there are in `data`. */
  readonly rows: number;
  /** `elapsed` is in seconds. */
  readonly statistics: {
    readonly elapsed: number;
    readonly rows_read: number;
    readonly bytes_read: number;
  };
}

/** What every client has besides its streams and endpoints. */
export interface BaseClient {
  /** Bytes of events that are held, as `maxQueuedBytes` counts them. */
  readonly queuedBytes: number;
  /** Sends without waiting for more, and resolves when every `send` begun before has come to its end, good or bad. */
  flush(options?: CallOptions): Promise<void>;
  /** Refuses further sends, then flushes. Aborting gives up what is left: its sends reject with the signal's reason. */
  close(options?: CallOptions): Promise<void>;
}

/** The one error of this client; an aborted call rejects with its signal's reason instead. */
export class HeadraceClientError extends Error {
  override readonly name = "HeadraceClientError";
  /**
   * The server's code, such as "bad_parameter", or this client's: `server_unreachable`, `unexpected_answer`,
   * `queue_full`, `client_closed`, `not_json` (an event that JSON can't hold), `bad_option`.
   */
  readonly code: string;
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined;
  /** What was wrong, as the server says it. */
  readonly detail: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** True when the events may have been accepted although no answer said so. */
  uncertain: boolean;
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs: number | undefined;
  /** The server's problem document (RFC 9457). */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    detail: string,
    more: {
      readonly status?: number;
      readonly retryable?: boolean;
      readonly uncertain?: boolean;
      readonly retryAfterMs?: number | undefined;
      readonly problem?: Readonly<Record<string, unknown>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${detail}`, { cause: more.cause });
    this.code = code;
    this.detail = detail;
    this.status = more.status;
    this.retryable = more.retryable ?? false;
    this.uncertain = more.uncertain ?? false;
    this.retryAfterMs = more.retryAfterMs;
    this.problem = more.problem ?? {};
  }
}
