import type { IncomingMessage } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../errors.ts";
import { HOUR, SECOND } from "../units.ts";

/** What pages of other origins may do. Without origins: nothing, as browsers have it. */
export interface CrossOrigin {
  /** Origins whose pages may read answers; `*` is every one. Never with cookies: callers have tokens. */
  readonly origins: readonly string[];
  /** Refuse requests that a page of another site sent, although it couldn't read the answer. For servers without tokens. */
  readonly refuseOthers: boolean;
}

const ALLOWED_METHODS = "GET, HEAD, POST, DELETE";
const ALLOWED_HEADERS = [
  "accept",
  "authorization",
  "content-encoding",
  "content-type",
  "idempotency-key",
  "if-none-match",
  "last-event-id",
  "x-request-id",
  // CloudEvents in binary mode.
  ...["id", "source", "specversion", "type", "time", "subject", "dataschema"].map((name) => `ce-${name}`),
].join(", ");
const EXPOSED_HEADERS =
  "ETag, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id";
/** How long a browser may keep the answer to a preflight request. */
const PREFLIGHT_MAX_AGE = HOUR;

/** Sets the headers of CORS (Fetch standard, 3.2) on any answer, errors included, so that a page can read what went wrong. */
export function setCorsHeaders(
  { origins }: CrossOrigin,
  { headers, method }: FastifyRequest,
  reply: FastifyReply,
): void {
  if (origins.length === 0) return;
  const { origin } = headers;
  const anyOrigin = origins.includes("*");
  // The answer differs by origin, also for the request that has none.
  if (!anyOrigin) addVary(reply, "Origin");
  if (origin === undefined || !(anyOrigin || origins.includes(origin))) return;
  void reply.header("access-control-allow-origin", anyOrigin ? "*" : origin);
  void reply.header("access-control-expose-headers", EXPOSED_HEADERS);
  if (method !== "OPTIONS" || headers["access-control-request-method"] === undefined) return;
  void reply.header("access-control-allow-methods", ALLOWED_METHODS);
  void reply.header("access-control-allow-headers", ALLOWED_HEADERS);
  void reply.header("access-control-max-age", PREFLIGHT_MAX_AGE / SECOND);
}

/** Adds a header's name to Vary, beside those that a route has set. */
function addVary(reply: FastifyReply, name: string): void {
  const vary = reply.getHeader("vary");
  if (vary === undefined) void reply.header("vary", name);
  else if (!String(vary).toLowerCase().split(/, */).includes(name.toLowerCase())) {
    void reply.header("vary", `${String(vary)}, ${name}`);
  }
}

/**
 * A check of the Origin header, which browsers send with whatever another site's page makes them send. Without tokens it
 * keeps such pages from writing: being allowed to send is not a question of CORS. Pages served from this machine are
 * trusted, so that a front end in development needs no setting.
 */
export function originCheck({
  origins,
  refuseOthers,
}: CrossOrigin): (request: IncomingMessage) => HeadraceError | undefined {
  return ({ headers: { origin, host } }) => {
    if (!refuseOthers || origin === undefined) return undefined;
    if (origins.includes("*") || origins.includes(origin)) return undefined;
    if (origin === `http://${host}` || origin === `https://${host}` || LOOPBACK_ORIGIN.test(origin)) {
      return undefined;
    }
    return new HeadraceError("origin_not_allowed", `Pages of ${origin} may not use this server`);
  };
}

const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
