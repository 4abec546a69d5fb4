import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import type { BoundSql, BoundValue } from "../../project/sql.ts";
import { CODES, refusal } from "./exceptions.ts";
import { VIEW_PARAMETER } from "./view.ts";

/** A request in ClickHouse's protocol. https://clickhouse.com/docs/interfaces/http */
export interface ProtocolRequest {
  readonly sql: string;
  readonly params: BoundSql["params"];
  readonly settings: Readonly<Record<string, string>>;
  readonly database: string | undefined;
  readonly queryId: string | undefined;
  /** What answers have unless the SQL says otherwise. */
  readonly format: string | undefined;
  /** The answer comes in ClickHouse's own compressed frames. */
  readonly framed: boolean;
  /** The answer may be compressed as `Accept-Encoding` asks. */
  readonly httpCompression: boolean;
  /** Nothing is sent before the whole answer is there. */
  readonly wait: boolean;
  /** The client's revision of the native protocol: how it reads the format Native. */
  readonly revision: number;
}

const PARAMETER = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const PARAMETERS_MAX = 1000;
const QUERY_ID_MAX = 256;

/** What is the protocol's, and no setting. */
const OURS = new Set([
  "compress",
  "database",
  "decompress",
  "default_format",
  "enable_http_compression",
  "password",
  "query",
  "query_id",
  "user",
  "wait_end_of_query",
]);

/**
 * Reads a request of its query string, headers and body. The SQL is what stands in `query`, followed by what stands in the body.
 * @throws HeadraceError
 */
export async function readRequest(
  query: unknown,
  headers: IncomingHttpHeaders,
  body: unknown,
): Promise<ProtocolRequest> {
  const asked = new Map<string, string>();
  for (const [name, value] of Object.entries(query ?? {})) asked.set(name, lastText(value));
  if (isOn(asked.get("decompress")) || (headers["content-encoding"] ?? "identity") !== "identity") {
    throw refusal(
      CODES.unsupportedMediaType,
      "Send the query without compression; events are sent to /v1/streams, not here",
    );
  }
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const text = await readBody(headers["content-type"], bytes, asked);
  const queryId = headerText(headers["x-clickhouse-query-id"]) ?? asked.get("query_id");
  if (queryId !== undefined && queryId.length > QUERY_ID_MAX) {
    throw refusal(CODES.badArguments, `query_id may have ${QUERY_ID_MAX} characters at most`);
  }
  const revision = Number(asked.get("client_protocol_version") ?? 0);
  return {
    sql: [asked.get("query") ?? "", text].filter((part) => part !== "").join("\n"),
    params: parameters(asked),
    settings: Object.fromEntries(
      [...asked].filter(([name]) => !OURS.has(name) && !name.startsWith("param_")),
    ),
    database: nonEmpty(asked.get("database") ?? headerText(headers["x-clickhouse-database"])),
    queryId: nonEmpty(queryId),
    format: nonEmpty(headerText(headers["x-clickhouse-format"]) ?? asked.get("default_format")),
    framed: isOn(asked.get("compress")),
    httpCompression: isOn(asked.get("enable_http_compression")),
    wait: isOn(asked.get("wait_end_of_query")),
    revision: Number.isSafeInteger(revision) && revision > 0 ? revision : 0,
  };
}

/** Whether a request asks for ClickHouse's own compressed frames: `compress=1`. */
export function wantsFrames(query: unknown): boolean {
  const { compress } = (query ?? {}) as { readonly compress?: unknown };
  return isOn(lastText(compress));
}

/** The SQL in a body. A form's fields are as good as the query string's; one with the name `query` is the SQL. */
async function readBody(
  contentType: string | undefined,
  body: Buffer,
  asked: Map<string, string>,
): Promise<string> {
  if (contentType === undefined || !/^multipart\/form-data\b/i.test(contentType)) return utf8(body);
  const fields = await formFields(contentType, body);
  let text = "";
  for (const [name, value] of fields) {
    if (typeof value !== "string") {
      throw refusal(CODES.notImplemented, "External tables can't be sent here: publish the data to a stream");
    }
    if (name === "query") text = value;
    else asked.set(name, value);
  }
  return text;
}

async function formFields(contentType: string, body: Buffer): Promise<FormData> {
  try {
    const bytes = new Uint8Array(body);
    return await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch {
    throw refusal(CODES.badArguments, "The multipart/form-data of the body can't be read");
  }
}

function utf8(body: Buffer): string {
  if (isUtf8(body)) return body.toString("utf8");
  throw refusal(CODES.badArguments, "The query isn't UTF-8");
}

/** Values come as the engine reads them in a tab-separated file, and go to it as they are. */
function parameters(asked: ReadonlyMap<string, string>): BoundSql["params"] {
  const params: Record<string, BoundValue> = {};
  for (const [key, value] of asked) {
    if (!key.startsWith("param_")) continue;
    const name = key.slice("param_".length);
    if (!PARAMETER.test(name) || name.startsWith(VIEW_PARAMETER)) {
      throw refusal(CODES.badArguments, `"${name.slice(0, 80)}" can't be a parameter's name`);
    }
    // Types stand in the SQL.
    params[name] = { type: "", value, escaped: true };
  }
  if (Object.keys(params).length > PARAMETERS_MAX) {
    throw refusal(CODES.badArguments, `There may be ${PARAMETERS_MAX} parameters at most`);
  }
  return params;
}

function lastText(value: unknown): string {
  const one: unknown = Array.isArray(value) ? value.at(-1) : value;
  return typeof one === "string" ? one : "";
}

function headerText(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function isOn(value: string | undefined): boolean {
  return value === "1" || value?.toLowerCase() === "true";
}
