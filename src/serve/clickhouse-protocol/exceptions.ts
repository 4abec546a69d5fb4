import { HeadraceError, type ErrorCode } from "../../errors.ts";

/** An error in ClickHouse's words. https://clickhouse.com/docs/interfaces/http */
export interface Exception {
  /** ClickHouse's number, such as 62. */
  readonly code: number;
  /** ClickHouse's name for it, such as SYNTAX_ERROR. */
  readonly name: string;
  readonly message: string;
  /** Of the HTTP answer. */
  readonly status: number;
}

/** A refusal that ClickHouse has a code of its own for. */
export class ClickHouseRefusal extends Error {
  readonly code: number;
  readonly codeName: string;

  constructor([code, name]: readonly [number, string], message: string) {
    super(message);
    this.name = "ClickHouseRefusal";
    this.code = code;
    this.codeName = name;
  }
}

/** Codes of ClickHouse that we give ourselves (src/Common/ErrorCodes.cpp there). */
export const CODES = {
  badArguments: [36, "BAD_ARGUMENTS"],
  unknownFunction: [46, "UNKNOWN_FUNCTION"],
  notImplemented: [48, "NOT_IMPLEMENTED"],
  unknownTable: [60, "UNKNOWN_TABLE"],
  syntaxError: [62, "SYNTAX_ERROR"],
  unknownFormat: [73, "UNKNOWN_FORMAT"],
  unknownDatabase: [81, "UNKNOWN_DATABASE"],
  unknownSetting: [115, "UNKNOWN_SETTING"],
  timeoutExceeded: [159, "TIMEOUT_EXCEEDED"],
  queryIsTooLarge: [166, "QUERY_IS_TOO_LARGE"],
  readonly: [164, "READONLY"],
  requiredPassword: [194, "REQUIRED_PASSWORD"],
  quotaExceeded: [201, "QUOTA_EXCEEDED"],
  tooManyQueries: [202, "TOO_MANY_SIMULTANEOUS_QUERIES"],
  serverClosing: [236, "ABORTED"],
  queryIdInUse: [216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"],
  cancelled: [394, "QUERY_WAS_CANCELLED"],
  tooManyRows: [396, "TOO_MANY_ROWS_OR_BYTES"],
  accessDenied: [497, "ACCESS_DENIED"],
  authenticationFailed: [516, "AUTHENTICATION_FAILED"],
  unsupportedMediaType: [785, "UNSUPPORTED_MEDIA_TYPE"],
  unknownException: [1002, "UNKNOWN_EXCEPTION"],
} as const satisfies Record<string, readonly [number, string]>;

/** What our own errors are in ClickHouse's words, where the engine itself has said nothing. */
const OUR_CODES: Partial<Record<ErrorCode, readonly [number, string]>> = {
  bad_parameter: CODES.badArguments,
  bad_request: CODES.badArguments,
  body_too_large: CODES.queryIsTooLarge,
  draining: CODES.serverClosing,
  host_not_allowed: CODES.accessDenied,
  origin_not_allowed: CODES.accessDenied,
  overloaded: CODES.tooManyQueries,
  query_cancelled: CODES.cancelled,
  query_timeout: CODES.timeoutExceeded,
  query_too_large: CODES.tooManyRows,
  rate_limited: CODES.quotaExceeded,
  scope_missing: CODES.accessDenied,
  sql_invalid: CODES.syntaxError,
  sql_refused: CODES.accessDenied,
  token_expired: CODES.authenticationFailed,
  token_invalid: CODES.authenticationFailed,
  token_missing: CODES.requiredPassword,
  unknown_stream: CODES.unknownTable,
  unsupported_media_type: CODES.unsupportedMediaType,
};

/** Statuses as ClickHouse gives them to these codes (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp there); 500 to others. */
const STATUSES: readonly (readonly [status: number, codes: readonly number[]])[] = [
  [401, [194]],
  [403, [192, 193, 497, 512, 516]],
  [400, [6, 8, 10, 15, 25, 26, 27, 36, 38, 41, 44, 53, 62, 72, 117, 167, 168, 223, 224, 235, 321, 376, 427]],
  [404, [46, 47, 50, 56, 60, 63, 73, 78, 81, 106, 115, 336, 511]],
  [408, [159]],
  [411, [381]],
  [413, [166]],
  [415, [785]],
  [501, [48]],
  [503, [76, 209, 439]],
];

/** Statuses of ours that say more than ClickHouse's 500 does: whether and when to try again. */
const OUR_STATUSES: ReadonlySet<ErrorCode> = new Set([
  "draining",
  "host_not_allowed",
  "method_not_allowed",
  "overloaded",
  "rate_limited",
  "store_failed",
  "unknown_route",
]);

/** Any error as ClickHouse would say it. What went wrong inside the server stays in its log. */
export function exceptionOf(error: HeadraceError): Exception {
  if (error.cause instanceof ClickHouseRefusal) {
    const { code, codeName, message } = error.cause;
    return { code, name: codeName, message, status: statusOf(code) };
  }
  const isNoFunction = error.code === "sql_invalid" && "function" in error.details;
  const own = isNoFunction ? CODES.unknownFunction : OUR_CODES[error.code];
  const [code, name] =
    (own === CODES.timeoutExceeded ? own : engineCode(error)) ?? own ?? CODES.unknownException;
  const message = error.code === "internal_error" ? "Something went wrong" : error.message;
  return { code, name, message, status: OUR_STATUSES.has(error.code) ? error.status : statusOf(code) };
}

/** A refusal as the error that crosses the rooms' borders. */
export function refusal(code: readonly [number, string], message: string): HeadraceError {
  return new HeadraceError("bad_request", message, { cause: new ClickHouseRefusal(code, message) });
}

/** As ClickHouse writes it, newline included. */
export function exceptionText({ code, name, message }: Exception, version: string): string {
  const sentence = message.replace(/\.?\s*$/, "");
  return `Code: ${code}. DB::Exception: ${sentence}. (${name}) (version ${version})\n`;
}

/**
 * What ClickHouse puts at the end of an answer that fails after it has begun: the tag is in the header
 * X-ClickHouse-Exception-Tag, so that no value can look like it. Clients that know it take the message from there.
 */
export function exceptionBlock(text: string, tag: string): Buffer {
  const mark = "__exception__";
  return Buffer.from(`\r\n${mark}\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n${mark}\r\n`);
}

/** What the engine said, when it was the engine that refused. */
function engineCode({ cause }: HeadraceError): readonly [number, string] | undefined {
  if (!(cause instanceof Error) || !("code" in cause) || typeof cause.code !== "number") return undefined;
  const name = /\(([A-Z][A-Z_0-9]{2,})\)\s*$/.exec(cause.message)?.[1];
  return name === undefined ? undefined : [cause.code, name];
}

function statusOf(code: number): number {
  return STATUSES.find(([, codes]) => codes.includes(code))?.[0] ?? 500;
}
