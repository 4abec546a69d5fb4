import type { IncomingHttpHeaders } from "node:http";
import { HeadraceError } from "../errors.ts";

export interface AskedParameters {
  /** `?format=` as it came. */
  readonly format: unknown;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Of a GET: everything in the query string but `format`. */
export function parametersFromQuery(query: unknown): AskedParameters {
  const { format, ...parameters } = asObject(query);
  return { format, parameters };
}

/**
 * Of a POST: the members of the JSON object in the body; none without a body. In the query string only `format` may
 * stand, so that no parameter has two places.
 */
export function parametersFromBody(
  query: unknown,
  body: unknown,
  headers: IncomingHttpHeaders,
): AskedParameters {
  const { format, ...others } = asObject(query);
  const [misplaced] = Object.keys(others);
  if (misplaced !== undefined) {
    throw new HeadraceError("bad_parameter", `Parameter "${misplaced}" of a POST goes in the JSON body`, {
      details: { parameter: misplaced },
    });
  }
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new HeadraceError(
      "unsupported_media_type",
      "A body with parameters is sent without Content-Encoding",
    );
  }
  if (!Buffer.isBuffer(body) || body.length === 0) return { format, parameters: {} };
  return { format, parameters: parseBody(body) };
}

function parseBody(body: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new HeadraceError("body_unreadable", "The body isn't a JSON document in UTF-8", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HeadraceError("body_unreadable", "The body must be a JSON object of parameters");
  }
  // Not a plain copy: `__proto__` is a name like any other here.
  return Object.assign(Object.create(null), value);
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
