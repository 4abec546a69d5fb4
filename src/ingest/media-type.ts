import { HeadraceError } from "../errors.ts";

/** What a body is made of: one JSON document, or JSON lines. */
export type MediaType = "application/json" | "application/x-ndjson";

const MEDIA_TYPES: ReadonlyMap<string, MediaType> = new Map([
  ["application/json", "application/json"],
  ["application/x-ndjson", "application/x-ndjson"],
  ["application/ndjson", "application/x-ndjson"],
  ["application/jsonl", "application/x-ndjson"],
]);

/**
 * The media type of a Content-Type header. UTF-8 is the only charset; other parameters say nothing here.
 * @throws HeadraceError `unsupported_media_type`, or `body_unreadable` for another charset.
 */
export function mediaTypeOf(header: string | undefined): MediaType {
  const plain = header === undefined ? undefined : MEDIA_TYPES.get(header);
  if (plain !== undefined) return plain;
  const [name = "", ...parameters] = (header ?? "").split(";").map((part) => part.trim().toLowerCase());
  const type = MEDIA_TYPES.get(name);
  if (type === undefined) {
    throw new HeadraceError(
      "unsupported_media_type",
      header === undefined
        ? "The request has no Content-Type: it tells a JSON document from JSON lines"
        : `The Content-Type "${header}" isn't supported`,
      { details: { supported: ["application/json", "application/x-ndjson"] } },
    );
  }
  for (const parameter of parameters) {
    const charset = /^charset\s*=\s*"?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset === undefined || charset === "utf-8" || charset === "utf8") continue;
    throw new HeadraceError("body_unreadable", `The body's charset is "${charset}"; only UTF-8 is read`);
  }
  return type;
}
