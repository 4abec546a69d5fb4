/** How a caller says who it is. */
export const SECURITY_SCHEMES = {
  token: {
    type: "http",
    scheme: "bearer",
    description:
      "A token with a scope that the operation takes. A server on loopback without tokens asks for none.",
  },
} as const;

/** What an operation asks of its caller: of several alternatives one is enough, and {} is no token at all. */
export type SecurityRequirement = { readonly token?: readonly string[] };

export interface Asked {
  /** Any token is enough, or it must have a scope. */
  readonly asks: "nothing" | "token" | "scope";
  readonly security: readonly SecurityRequirement[];
}

const OPEN_PATHS = ["/livez", "/readyz", "/docs"];

/** The scopes that the routes declare for access, as OpenAPI 3.1 says them; a test holds one against the other. */
export function asksOf(path: string, method: string): Asked {
  if (OPEN_PATHS.includes(path)) return { asks: "nothing", security: [] };
  const scopes = scopesOf(path, method);
  const alternatives = scopes.length === 0 ? [{ token: [] }] : scopes.map((scope) => ({ token: [scope] }));
  return { asks: scopes.length === 0 ? "token" : "scope", security: [...alternatives, {}] };
}

/** Of several one is enough; none: any token is. */
function scopesOf(path: string, method: string): readonly string[] {
  if (path === "/metrics") return ["metrics"];
  if (path === "/v1/sql") return ["sql"];
  const [, kind, name = "", part] = /^\/v1\/(endpoints|streams)\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
  if (kind === "endpoints") return [`read:${name}`];
  switch (part) {
    case undefined:
      return [];
    case "events":
      return method === "post" ? [`ingest:${name}`] : ["admin"];
    case "rejected":
      return [`events:${name}`, "admin"];
    case "tail":
      return [`events:${name}`];
    default:
      return ["admin"];
  }
}
