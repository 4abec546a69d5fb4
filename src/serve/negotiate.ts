import { HeadraceError } from "../errors.ts";

export type AnswerFormat = "json" | "ndjson" | "csv" | "parquet" | "arrow";
export type ContentEncoding = "gzip" | "br" | "zstd";

/** The formats that answers come in, in the order of preference. */
export const ANSWER_FORMATS: readonly AnswerFormat[] = ["json", "ndjson", "csv", "parquet", "arrow"];

export const CONTENT_TYPES: Readonly<Record<AnswerFormat, string>> = {
  json: "application/json; charset=utf-8",
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8; header=present",
  parquet: "application/vnd.apache.parquet",
  arrow: "application/vnd.apache.arrow.stream",
};

/** Media types that name a format, the usual one first. */
const MEDIA_TYPES: Readonly<Record<AnswerFormat, readonly string[]>> = {
  json: ["application/json"],
  ndjson: ["application/x-ndjson", "application/ndjson", "application/jsonl"],
  csv: ["text/csv"],
  parquet: ["application/vnd.apache.parquet"],
  // Only Arrow's stream: its file form has other bytes and another media type.
  arrow: ["application/vnd.apache.arrow.stream"],
};

/** Fastest for the ratio first. */
const ENCODINGS: readonly ContentEncoding[] = ["zstd", "br", "gzip"];

/** More of a header than this is not looked at. */
const HEADER_ITEMS_MAX = 32;

/**
 * The answer's format: `?format=` if given, else what `Accept` prefers, else json. Throws `not_acceptable` when
 * neither names one that there is.
 */
export function negotiateFormat(asked: unknown, accept: string | undefined): AnswerFormat {
  if (asked !== undefined) {
    const format = ANSWER_FORMATS.find((one) => one === asked);
    if (format !== undefined) return format;
    throw notAcceptable(
      `There is no format "${typeof asked === "string" ? asked.slice(0, 50) : "of several values"}"`,
    );
  }
  if (accept === undefined || accept.trim() === "" || accept === "*/*") return "json";
  const items = weighted(accept);
  let best: { format: AnswerFormat; weight: number } | undefined;
  for (const format of ANSWER_FORMATS) {
    const weight = Math.max(...MEDIA_TYPES[format].map((type) => mediaWeight(type, items)));
    if (weight > (best?.weight ?? 0)) best = { format, weight };
  }
  if (best === undefined) throw notAcceptable("None of the media types of the Accept header can be given");
  return best.format;
}

/** The encoding that `Accept-Encoding` prefers; undefined for none, and for Parquet, which is compressed in itself. */
export function negotiateEncoding(
  acceptEncoding: string | undefined,
  format?: AnswerFormat,
): ContentEncoding | undefined {
  if (format === "parquet") return undefined;
  if (acceptEncoding === undefined || acceptEncoding === "identity") return undefined;
  const items = weighted(acceptEncoding);
  const weightOf = (name: string) =>
    items.get(name) ?? (name === "identity" ? undefined : items.get("*")) ?? 0;
  let best: { encoding: ContentEncoding; weight: number } | undefined;
  for (const encoding of ENCODINGS) {
    const weight = weightOf(encoding);
    if (weight > (best?.weight ?? 0)) best = { encoding, weight };
  }
  return best !== undefined && best.weight >= weightOf("identity") ? best.encoding : undefined;
}

/** Whether an `If-None-Match` header names the tag; compared weakly, as RFC 9110 says for it. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return ifNoneMatch.split(",").some((one) => one.trim().replace(/^W\//, "") === opaque);
}

function notAcceptable(why: string): HeadraceError {
  return new HeadraceError("not_acceptable", `${why}; there are ${ANSWER_FORMATS.join(", ")}`, {
    details: { formats: ANSWER_FORMATS, media_types: ANSWER_FORMATS.map((format) => MEDIA_TYPES[format][0]) },
  });
}

/** The weight of a media type by the most specific range that covers it (RFC 9110, 12.5.1). */
function mediaWeight(type: string, items: ReadonlyMap<string, number>): number {
  const group = `${type.slice(0, type.indexOf("/"))}/*`;
  return items.get(type) ?? items.get(group) ?? items.get("*/*") ?? 0;
}

/** The items of a header with their q-values, in lower case. Parameters other than q are ignored. */
function weighted(header: string): Map<string, number> {
  const items = new Map<string, number>();
  for (const item of header.toLowerCase().split(",", HEADER_ITEMS_MAX)) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    if (name !== "") items.set(name, weight >= 0 && weight <= 1 ? weight : 0);
  }
  return items;
}
