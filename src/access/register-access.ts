import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError, type ErrorCode } from "../errors.ts";
import { SECOND } from "../units.ts";
import type { Audit } from "./audit.ts";
import { bearerToken } from "./bearer-token.ts";
import type { RouteScope } from "./route-scope.ts";
import type { Scope } from "./scopes.ts";
import type { Token, Tokens } from "./tokens.ts";

export interface AccessDeps {
  /** Undefined: there are none, and everything is allowed. */
  readonly tokens: Pick<Tokens, "find"> | undefined;
  /** Told of administrators' actions that were refused. Those that were begun tell of themselves. */
  readonly audit?: Audit;
  readonly observer?: AccessObserver;
  /** Where a request has its token. Default: in `Authorization: Bearer`. */
  readonly tokenOf?: (request: FastifyRequest) => string | undefined;
  /** Milliseconds since 1970. Default Date.now. */
  readonly clock?: () => number;
}

/** Called by access; must not throw. */
export interface AccessObserver {
  /** A request was refused with this code. */
  refused?(code: ErrorCode): void;
}

/**
 * Checks every request against the scope that its route declares, before its body is read. Call it before routes are
 * registered. Refused with `token_missing`, `token_invalid` or `token_expired` (401), `scope_missing` (403) or
 * `rate_limited` (429).
 */
export function registerAccess(app: FastifyInstance, deps: AccessDeps): void {
  app.decorateRequest("caller", undefined);
  const { tokens } = deps;
  if (tokens === undefined) return;
  const access = new Access(tokens, deps);
  app.addHook("onRequest", (request, reply, done) => {
    const refusal = access.check(request, reply);
    if (refusal === undefined) done();
    else done(refusal);
  });
}

class Access {
  readonly #tokens: Pick<Tokens, "find">;
  readonly #deps: AccessDeps;
  readonly #clock: () => number;

  constructor(tokens: Pick<Tokens, "find">, deps: AccessDeps) {
    this.#tokens = tokens;
    this.#deps = deps;
    this.#clock = deps.clock ?? Date.now;
  }

  check(request: FastifyRequest, reply: FastifyReply): HeadraceError | undefined {
    const declared = request.routeOptions.config.scope;
    if (declared === "open") return undefined;
    const token = this.#authenticate(request);
    const refusal =
      token instanceof HeadraceError ? token : (takeOne(token, reply) ?? authorize(token, declared, request));
    if (!(token instanceof HeadraceError)) request.caller = token;
    if (refusal === undefined) return undefined;
    this.#tell(refusal, declared, request);
    const challenge = CHALLENGES[refusal.code];
    if (challenge !== undefined) void reply.header("www-authenticate", challenge(refusal));
    return refusal;
  }

  #authenticate(request: FastifyRequest): Token | HeadraceError {
    const sent = (this.#deps.tokenOf ?? bearerOf)(request);
    if (sent instanceof HeadraceError) return sent;
    if (sent === undefined) return new HeadraceError("token_missing", "The request has no token");
    const token = this.#tokens.find(sent);
    if (token === undefined) return new HeadraceError("token_invalid", "The token is none of this server's");
    if (!token.isExpired(this.#clock())) return token;
    const expired = new Date(token.entry.expires).toISOString();
    return new HeadraceError("token_expired", `The token "${token.name}" expired at ${expired}`);
  }

  #tell(refusal: HeadraceError, declared: RouteScope | undefined, request: FastifyRequest): void {
    const { observer, audit } = this.#deps;
    observer?.refused?.(refusal.code);
    if (declared !== "admin") return;
    const { method, routeOptions, caller } = request;
    audit?.(caller, `${method} ${routeOptions.url}`, streamOf(request), "refused", { code: refusal.code });
  }
}

function bearerOf({ headers: { authorization } }: FastifyRequest): string | HeadraceError {
  if (authorization === undefined) {
    return new HeadraceError("token_missing", "The request has no Authorization header");
  }
  const sent = bearerToken(authorization);
  return sent ?? new HeadraceError("token_invalid", 'The Authorization header isn\'t "Bearer" and a token');
}

/** A request counts against the token's rate whether it is allowed then or not. */
function takeOne(token: Token, reply: FastifyReply): HeadraceError | undefined {
  const taken = token.take();
  const rate = token.entry.rate;
  if (taken === undefined || rate === undefined) return undefined;
  const window = Math.ceil(rate.burst / rate.requestsPerSecond);
  const seconds = Math.ceil(taken.wait / SECOND);
  // As draft-ietf-httpapi-ratelimit-headers-10 has them.
  void reply.header("ratelimit-policy", `"token";q=${rate.burst};w=${window}`);
  void reply.header("ratelimit", `"token";r=${taken.remaining};t=${seconds}`);
  if (taken.allowed) return undefined;
  return new HeadraceError(
    "rate_limited",
    `The token "${token.name}" may send ${rate.requestsPerSecond} requests a second, and ${rate.burst} at once`,
    { retryAfterSeconds: seconds },
  );
}

function authorize(
  token: Token,
  declared: RouteScope | undefined,
  request: FastifyRequest,
): HeadraceError | undefined {
  if (declared === "any") return undefined;
  if (declared === undefined) {
    return new HeadraceError(
      "scope_missing",
      "The route declares no scope, so that no token is enough for it",
    );
  }
  const needed = [typeof declared === "function" ? declared(request) : declared].flat() as readonly Scope[];
  if (needed.some((scope) => token.holds(scope))) return undefined;
  return new HeadraceError(
    "scope_missing",
    `The token "${token.name}" lacks the scope ${needed.join(" or ")}`,
    {
      details: { scopes: needed },
    },
  );
}

/** What WWW-Authenticate says (RFC 6750, 3). */
const CHALLENGES: Partial<Record<ErrorCode, (refusal: HeadraceError) => string>> = {
  token_missing: () => 'Bearer realm="headrace"',
  token_invalid: () => 'Bearer realm="headrace", error="invalid_token"',
  token_expired: () =>
    'Bearer realm="headrace", error="invalid_token", error_description="The token expired"',
  scope_missing: () => 'Bearer realm="headrace", error="insufficient_scope"',
};

function streamOf(request: FastifyRequest): string {
  const { stream = "" } = request.params as { readonly stream?: string };
  return stream;
}
