import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import { HeadraceError } from "../errors.ts";
import { isEventError, readJson } from "../project/validate/read-json.ts";

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

/** Arrays and objects around a value of a parameter. */
const NESTING_MAX = 32;

function parseBody(body: Buffer): Record<string, unknown> {
  if (!isUtf8(body)) throw new HeadraceError("body_unreadable", "The body isn't UTF-8");
  const text = body.toString("utf8");
  // JSON.parse would take the last of two equal names, and nobody would know that the first counts for nothing.
  const node = readJson(text, NESTING_MAX);
  if (isEventError(node)) {
    const { path, code, message } = node;
    if (code === "duplicate_field") throw doubledParameter(path);
    const where = path === "" ? "" : ` at ${path}`;
    throw new HeadraceError("body_unreadable", `The body isn't a readable JSON document: ${message}${where}`);
  }
  if (node.kind !== "object") {
    throw new HeadraceError("body_unreadable", "The body must be a JSON object of parameters");
  }
  // Not a plain copy: `__proto__` is a name like any other here.
  return Object.assign(Object.create(null), JSON.parse(text)) as Record<string, unknown>;
}

function doubledParameter(path: string): HeadraceError {
  const parameter = path.split("/")[1] ?? "";
  return new HeadraceError("bad_parameter", `Parameter "${parameter}": ${path} is there twice`, {
    details: { parameter },
  });
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
