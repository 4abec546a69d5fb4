import type { FastifyRequest } from "fastify";
import type { Scope } from "./scopes.ts";

/**
 * What a route asks of its caller, declared in its `config`. A route that declares nothing answers nobody once there are
 * tokens.
 *
 * - `"open"`: nothing; not even a token is looked at.
 * - `"any"`: any valid token.
 * - a scope, or one for each request: `({ params }) => "ingest:flights"`. Of several, one is enough.
 */
export type RouteScope =
  "open" | "any" | Scope | readonly Scope[] | ((request: FastifyRequest) => Scope | readonly Scope[]);

/** Who sends a request. */
export interface Caller {
  /** The token's name: in the log and the metrics, and what Idempotency-Keys are kept apart by. Holds no colon. */
  readonly name: string;
  /** Aborted within about a second when the token expires, is removed or is changed: an answer without an end ends then. */
  readonly ended: AbortSignal;
}

/** How a caller without a token is named in the log and the metrics, and the server itself; no token has these names. */
export const ANYONE = "anyone";
export const SERVER: Pick<Caller, "name"> = { name: "server" };

// The parts that register routes know nothing of access: they find these in Fastify's own types.
declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route asks of its caller. */
    scope?: RouteScope;
  }
  interface FastifyRequest {
    /** Who sends the request; undefined on open routes, and when there are no tokens. */
    caller: Caller | undefined;
  }
}
