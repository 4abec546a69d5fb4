import { HeadraceError } from "../errors.ts";

/** What a body is made of: one JSON document, JSON lines, CSV with a header row, or CloudEvents in their JSON form. */
export type MediaType =
  | "application/json"
  | "application/x-ndjson"
  | "text/csv"
  | "application/cloudevents+json"
  | "application/cloudevents-batch+json";

const SUPPORTED: readonly MediaType[] = [
  "application/json",
  "application/x-ndjson",
  "text/csv",
  "application/cloudevents+json",
  "application/cloudevents-batch+json",
];

const MEDIA_TYPES: ReadonlyMap<string, MediaType> = new Map<string, MediaType>([
  ...SUPPORTED.map((type) => [type, type] as const),
  ["application/ndjson", "application/x-ndjson"],
  ["application/jsonl", "application/x-ndjson"],
]);

/**
 * The media type of a Content-Type header. UTF-8 is the only charset, and CSV has a header row; other parameters say
 * nothing here.
 * @throws HeadraceError `unsupported_media_type`, or `body_unreadable` for another charset.
 */
export function mediaTypeOf(header: string | undefined): MediaType {
  const plain = header === undefined ? undefined : MEDIA_TYPES.get(header);
  if (plain !== undefined) return plain;
  const { name, parameters } = parse(header ?? "");
  const type = MEDIA_TYPES.get(name);
  if (type === undefined) {
    throw new HeadraceError(
      "unsupported_media_type",
      header === undefined
        ? "The request has no Content-Type: it tells a JSON document from JSON lines and CSV"
        : `The Content-Type "${header}" isn't supported`,
      { details: { supported: SUPPORTED } },
    );
  }
  checkCharset(parameters);
  if (type === "text/csv") checkHeaderRow(parameters);
  return type;
}

/** Whether a media type says JSON: `application/json`, `text/json`, or one that ends in `+json`. */
export function isJsonType(header: string): boolean {
  const { name } = parse(header);
  return name === "application/json" || name === "text/json" || /^[^/]+\/[^/]+\+json$/.test(name);
}

/** Whether the body is a CloudEvent, or several, with their attributes beside their data. */
export function isCloudEventsType(header: string | undefined): boolean {
  const plain = header === undefined ? undefined : MEDIA_TYPES.get(header);
  if (plain !== undefined) return plain.startsWith("application/cloudevents");
  return parse(header ?? "").name.startsWith("application/cloudevents");
}

/** @throws HeadraceError `body_unreadable` when a Content-Type names another charset than UTF-8. */
export function checkCharsetOf(header: string): void {
  checkCharset(parse(header).parameters);
}

function parse(header: string): { readonly name: string; readonly parameters: readonly string[] } {
  const [name = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase());
  return { name, parameters };
}

function checkCharset(parameters: readonly string[]): void {
  for (const charset of valuesOf("charset", parameters)) {
    if (charset === "utf-8" || charset === "utf8") continue;
    throw new HeadraceError("body_unreadable", `The body's charset is "${charset}"; only UTF-8 is read`);
  }
}

function checkHeaderRow(parameters: readonly string[]): void {
  for (const header of valuesOf("header", parameters)) {
    if (header === "present") continue;
    throw new HeadraceError(
      "unsupported_media_type",
      `CSV with header=${header} isn't supported: its first row must name the columns, since nothing else does`,
      { details: { supported: SUPPORTED } },
    );
  }
}

/** What is given for a parameter, such as `charset="utf-8"`. */
function valuesOf(name: string, parameters: readonly string[]): string[] {
  return parameters.flatMap((parameter) => {
    const [key = "", value] = parameter.split("=", 2);
    if (key.trim() !== name || value === undefined) return [];
    return [value.trim().replace(/^"(.*)"$/, "$1")];
  });
}
