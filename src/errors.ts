/**
 * Every error that a user can meet: its HTTP status, whether the same request may succeed later, and what to do.
 * `docs/ERRORS.md` is generated from this table, and a test fails when the two differ.
 *
 * `status` is used when the error answers an HTTP request; `exit` when it ends a command (1 failed, 2 usage).
 */
interface ErrorSpec {
  readonly status: number;
  readonly retryable: boolean;
  /** One line: what it means. */
  readonly title: string;
  /** What the reader can do about it. */
  readonly advice: string;
}

export const ERRORS = {
  // Declarations and start
  config_invalid: {
    status: 500,
    retryable: false,
    title: "A setting is unknown or has a bad value",
    advice: "Correct the setting that the message names; docs/CONFIG.md lists them all.",
  },
  project_not_found: {
    status: 500,
    retryable: false,
    title: "The folder has no headrace.config.ts",
    advice:
      "Run the command in the project's folder, name it with --project, or make one with `headrace init`.",
  },
  project_invalid: {
    status: 500,
    retryable: false,
    title: "The project's declaration can't be used",
    advice: "Correct the declaration that the message names.",
  },
  schema_unsupported: {
    status: 500,
    retryable: false,
    title: "A field's type has no column",
    advice: "Use a type of docs/TYPES.md, or give the column with .meta({ column }).",
  },
  schema_change_refused: {
    status: 500,
    retryable: false,
    title: "The table can't follow the changed declaration without losing or reinterpreting data",
    advice:
      "Take the change back, add a new optional field instead, or make the table anew with `headrace rebuild <stream> --offline`. `headrace check --against <data folder>` shows the plan.",
  },
  rebuild_refused: {
    status: 409,
    retryable: false,
    title: "The stream's table can't be made anew without losing rows",
    advice:
      "Nothing is changed. Take the declaration's change back, or pass --allow-partial (?allow_partial=true) to go on without these rows.",
  },
  rebuild_cancelled: {
    status: 409,
    retryable: true,
    title: "The rebuild was stopped",
    advice: "The table is as it was. Run it again.",
  },
  data_folder_locked: {
    status: 500,
    retryable: true,
    title: "Another process uses the data folder",
    advice: "Stop the other process, or give this one another folder with HEADRACE_DATA.",
  },
  data_folder_unusable: {
    status: 500,
    retryable: false,
    title: "The data folder can't be used",
    advice: "Check that the folder exists, is writable and is on a local disk.",
  },
  port_in_use: {
    status: 500,
    retryable: true,
    title: "The port is taken",
    advice: "Stop the program that listens there, or choose another with --port or HEADRACE_PORT.",
  },
  listen_refused: {
    status: 500,
    retryable: false,
    title: "Listening beyond loopback without tokens is refused",
    advice: "Set HEADRACE_TOKENS or HEADRACE_TOKENS_FILE, or listen on 127.0.0.1.",
  },

  // Erasing
  condition_invalid: {
    status: 400,
    retryable: false,
    title: "The condition can't say which rows to erase",
    advice:
      "Write one boolean expression over the stream's columns, such as user_id = 'u1'; docs/ERASE.md lists the functions.",
  },
  stream_busy: {
    status: 409,
    retryable: true,
    title: "Another replay, erase, reset or rebuild of the stream is running",
    advice: "Try again when it has ended.",
  },

  // The log
  log_corrupt: {
    status: 503,
    retryable: false,
    title: "The log is damaged in the middle",
    advice:
      "Nothing was changed. Restore the file that the message names from a copy, or stop the server and run `headrace doctor`: it explains the damage, and with --salvage it saves what is whole.",
  },
  log_failed: {
    status: 503,
    retryable: true,
    title: "The log can't take more: a write or a sync failed",
    advice: "Nothing of the request was kept. Look at the disk, restart Headrace, and send it again.",
  },
  log_unreachable: {
    status: 503,
    retryable: true,
    title: "The log's servers don't answer",
    advice:
      "Send it again with the same Idempotency-Key. Check that NATS runs at the addresses of HEADRACE_LOG_URL, with JetStream switched on, and that a majority of its servers is there; `headrace doctor` says what it finds.",
  },
  log_full: {
    status: 503,
    retryable: true,
    title: "The disk is full",
    advice: "Nothing of the request was kept. Free space; ingest resumes by itself.",
  },
  offset_gone: {
    status: 500,
    retryable: false,
    title: "The log no longer holds that offset",
    advice: "Retention dropped it. Read from the first offset that is kept.",
  },

  // The store
  store_failed: {
    status: 503,
    retryable: true,
    title: "The store failed",
    advice: "Try again; /readyz and the server's log say what happened.",
  },
  store_refused_events: {
    status: 422,
    retryable: false,
    title: "The store refused events that passed validation",
    advice: "The events are kept as rejected with the store's reason.",
  },
  store_mismatch: {
    status: 503,
    retryable: false,
    title: "The store is not the one that the ledger describes",
    advice:
      "The store was emptied, lost parts of it or is older than the cursor. Restore it, load what the log holds with `headrace rebuild <stream>` (--allow-partial when that isn't all), or begin anew with `headrace reset <stream>`.",
  },

  // The ledger
  ledger_corrupt: {
    status: 503,
    retryable: false,
    title: "The ledger of a stream is damaged",
    advice:
      "Restore the file that the message names from a copy, or stop the server and run `headrace doctor --salvage`: it is put aside, and what the store has is found out by asking it.",
  },
  ledger_failed: {
    status: 503,
    retryable: true,
    title: "The ledger can't be read or written",
    advice: "Look at the disk. Loading resumes by itself; nothing that was accepted is lost.",
  },
  lease_lost: {
    status: 503,
    retryable: true,
    title: "Another process loads this partition now",
    advice: "Nothing to do: what was begun here is left to the process that holds the lease.",
  },

  // Requests
  bad_request: {
    status: 400,
    retryable: false,
    title: "The request can't be understood",
    advice: "Correct what the message names.",
  },
  body_unreadable: {
    status: 400,
    retryable: false,
    title: "The body can't be read at all",
    advice: "Send well-formed JSON, NDJSON or CSV in UTF-8, compressed as Content-Encoding says.",
  },
  csv_header_invalid: {
    status: 400,
    retryable: false,
    title: "The header row of the CSV doesn't fit the stream",
    advice: "Name each column as a field of the stream, once; GET /v1/streams/{stream} lists them.",
  },
  token_missing: {
    status: 401,
    retryable: false,
    title: "The request has no token",
    advice: "Send `Authorization: Bearer` and a token; commands take it from HEADRACE_TOKEN.",
  },
  token_invalid: {
    status: 401,
    retryable: false,
    title: "The token isn't valid here",
    advice: "Check that the token is whole and meant for this server; `headrace token new` makes one.",
  },
  token_expired: {
    status: 401,
    retryable: false,
    title: "The token has expired",
    advice: "Ask whoever runs the server for a new one.",
  },
  scope_missing: {
    status: 403,
    retryable: false,
    title: "The token lacks the scope that this takes",
    advice: "Use a token that has the scope which the message names, or have it added to this one.",
  },
  origin_not_allowed: {
    status: 403,
    retryable: false,
    title: "Pages of that origin may not use this server",
    advice: "Name the origin in HEADRACE_CORS_ORIGINS.",
  },
  rate_limited: {
    status: 429,
    retryable: true,
    title: "The token's rate is used up",
    advice: "Wait as long as Retry-After says, then send it again.",
  },
  unknown_route: {
    status: 404,
    retryable: false,
    title: "There is no such route",
    advice: "GET /v1/openapi.json lists the routes of this project.",
  },
  role_elsewhere: {
    status: 404,
    retryable: false,
    title: "This process doesn't serve that route",
    advice: "Ask a process whose HEADRACE_ROLES has the role that the message names.",
  },
  unknown_stream: {
    status: 404,
    retryable: false,
    title: "There is no such stream",
    advice: "GET /v1/streams lists the streams of this project.",
  },
  unknown_endpoint: {
    status: 404,
    retryable: false,
    title: "There is no such endpoint",
    advice: "GET /v1/openapi.json lists the endpoints of this project.",
  },
  method_not_allowed: {
    status: 405,
    retryable: false,
    title: "The route doesn't take this method",
    advice: "The Allow header lists the methods that it takes.",
  },
  not_acceptable: {
    status: 406,
    retryable: false,
    title: "None of the accepted formats can be given",
    advice: "Ask for json, ndjson, csv, parquet or arrow with Accept or ?format=.",
  },
  request_timeout: {
    status: 408,
    retryable: true,
    title: "The request did not arrive in time",
    advice: "Nothing of it was kept. Send it again, in smaller batches if the line is slow.",
  },
  idempotency_key_in_flight: {
    status: 409,
    retryable: true,
    title: "A request with the same Idempotency-Key is in flight",
    advice: "Wait for its answer, or send this one again in a moment.",
  },
  body_too_large: {
    status: 413,
    retryable: false,
    title: "The body is larger than the limit",
    advice: "Send smaller batches, or raise the limit that the message names.",
  },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    title: "The media type or encoding isn't supported",
    advice:
      "Send application/json, application/x-ndjson, text/csv or CloudEvents in JSON, plain or with gzip, deflate, br or zstd.",
  },
  host_not_allowed: {
    status: 421,
    retryable: false,
    title: "The Host header isn't one of this server's",
    advice: "Without tokens only loopback names are answered. Use http://127.0.0.1 or http://localhost.",
  },
  headers_too_large: {
    status: 431,
    retryable: false,
    title: "The request line and headers are larger than the limit",
    advice: "Send fewer or shorter headers, and a shorter URL.",
  },
  events_rejected: {
    status: 422,
    retryable: false,
    title: "The events don't fit the stream's schema",
    advice: "Correct the events that `errors` names.",
  },
  idempotency_key_reused: {
    status: 422,
    retryable: false,
    title: "The Idempotency-Key was used with another body",
    advice: "Use a new key for a new body.",
  },
  bad_parameter: {
    status: 400,
    retryable: false,
    title: "A parameter has a bad value",
    advice: "Correct the parameter that the message names; /docs describes each.",
  },
  overloaded: {
    status: 429,
    retryable: true,
    title: "More arrives than can be taken now",
    advice: "Wait as long as Retry-After says, then send it again.",
  },
  draining: {
    status: 503,
    retryable: true,
    title: "The server is stopping",
    advice: "Send it again; another instance or the restarted one will take it.",
  },
  query_failed: {
    status: 500,
    retryable: false,
    title: "The store can't run the query",
    advice: "Run `headrace check`: it verifies the SQL of every endpoint.",
  },
  query_timeout: {
    status: 504,
    retryable: true,
    title: "The query ran longer than its time limit",
    advice: "Ask for less, or raise the limit: the endpoint's limits.time, or HEADRACE_SQL_TIME for SQL.",
  },
  query_too_large: {
    status: 507,
    retryable: false,
    title: "The query needs more memory, rows or bytes than its limit",
    advice: "Ask for less, or raise the limit: the endpoint's limits, or HEADRACE_SQL_* for SQL.",
  },
  sql_refused: {
    status: 403,
    retryable: false,
    title: "The SQL holds something that may not run here",
    advice: "Write one SELECT over the streams; docs/SQL.md lists what may stand in it.",
  },
  sql_invalid: {
    status: 400,
    retryable: false,
    title: "The SQL has a mistake",
    advice: "Correct what the message names. DESCRIBE <stream> lists columns, SHOW TABLES the streams.",
  },
  query_cancelled: {
    status: 499,
    retryable: true,
    title: "The query was cancelled because the client went away",
    advice: "Send it again.",
  },
  internal_error: {
    status: 500,
    retryable: false,
    title: "Something went wrong that should not have",
    advice: "The server's log has the details under the request's id. Please report it.",
  },

  // Command line
  usage: {
    status: 400,
    retryable: false,
    title: "The command was not used as it is meant",
    advice: "Run it with --help.",
  },
  doctor_found_problems: {
    status: 500,
    retryable: false,
    title: "The doctor found problems",
    advice: "Do what the line of each problem says, and run it again.",
  },
  check_failed: {
    status: 500,
    retryable: false,
    title: "The project doesn't pass its checks",
    advice: "Correct what is named; `headrace check` lists all that is wrong.",
  },
  server_unreachable: {
    status: 503,
    retryable: true,
    title: "No Headrace server answers there",
    advice: "Start one with `headrace dev`, or name another with HEADRACE_URL.",
  },
  unexpected_answer: {
    status: 502,
    retryable: false,
    title: "What answers there doesn't answer as Headrace does",
    advice: "Check HEADRACE_URL, and that nothing between here and the server changes its answers.",
  },
  input_unreadable: {
    status: 400,
    retryable: false,
    title: "The input can't be read",
    advice: "Correct what the message names, or give the format with --format.",
  },
  output_failed: {
    status: 500,
    retryable: false,
    title: "The output can't be written",
    advice: "Name a file in a folder that exists and where you may write.",
  },
  folder_unusable: {
    status: 409,
    retryable: false,
    title: "The folder can't take a new project",
    advice: "Give a folder that is empty or doesn't exist yet, where you may write.",
  },
  tokens_file_unwritable: {
    status: 409,
    retryable: true,
    title: "The tokens file can't be written",
    advice: "Try again; when no other command is at it, remove the file that ends in .new.",
  },
  interrupted: {
    status: 499,
    retryable: true,
    title: "The command was stopped before it was done",
    advice:
      "What was accepted until then is kept. Run it again with the rest: only a stream with an id counts what comes twice once.",
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

interface ErrorOptions {
  /** What caused it; logged, never sent to a client. */
  readonly cause?: unknown;
  /** Extra members of the problem document, such as `parameter` or `errors`. Never secrets or event bodies beyond the caller's own. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** The one error that crosses a module's border. `message` is for people and names the thing that is wrong. */
export class HeadraceError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HeadraceError";
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  get advice(): string {
    return ERRORS[this.code].advice;
  }
}

/** What an unknown thrown value says, for a message or a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Wraps whatever was thrown, leaving a HeadraceError as it is. */
export function toHeadraceError(error: unknown, code: ErrorCode = "internal_error"): HeadraceError {
  return error instanceof HeadraceError ? error : new HeadraceError(code, messageOf(error), { cause: error });
}
