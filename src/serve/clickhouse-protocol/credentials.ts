import type { FastifyRequest } from "fastify";

/** RFC 7617. */
const BASIC = /^basic +([A-Za-z0-9+/=_-]+)$/i;
const BEARER = /^bearer +(.*)$/i;

/**
 * The token of a request, which may stand wherever ClickHouse takes a password: `Authorization: Basic` with any user, or
 * `Bearer`, `X-ClickHouse-Key`, `?password=`. Undefined when there is none.
 */
export function passwordOf({
  headers,
  query,
}: Pick<FastifyRequest, "headers" | "query">): string | undefined {
  const key = headers["x-clickhouse-key"];
  if (typeof key === "string") return nonEmpty(key);
  const { authorization } = headers;
  if (authorization !== undefined) {
    const basic = BASIC.exec(authorization)?.[1];
    if (basic === undefined) return BEARER.exec(authorization)?.[1]?.trim() ?? authorization;
    const decoded = Buffer.from(basic, "base64").toString("utf8");
    return nonEmpty(decoded.slice(decoded.indexOf(":") + 1));
  }
  const { password } = (query ?? {}) as { readonly password?: unknown };
  return typeof password === "string" ? nonEmpty(password) : undefined;
}

function nonEmpty(text: string): string | undefined {
  return text === "" ? undefined : text;
}
