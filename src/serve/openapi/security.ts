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

const OPEN_PATHS = ["/livez", "/readyz", "/docs"];

/** Adds to each operation of a document's paths what it asks of its caller. */
export function withSecurity(paths: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(paths).map(([path, item]) => {
      const operations = Object.entries(item as Readonly<Record<string, object>>);
      return [
        path,
        Object.fromEntries(
          operations.map(([method, operation]) => [
            method,
            { ...operation, security: securityOf(path, method) },
          ]),
        ),
      ];
    }),
  );
}

/** The scopes that the routes declare for access, as OpenAPI 3.1 says them; a test holds one against the other. */
function securityOf(path: string, method: string): readonly SecurityRequirement[] {
  if (OPEN_PATHS.includes(path)) return [];
  return [...scopesOf(path, method).map((scope) => ({ token: scope === "any" ? [] : [scope] })), {}];
}

function scopesOf(path: string, method: string): readonly string[] {
  if (path === "/metrics") return ["metrics"];
  if (path === "/v1/sql") return ["sql"];
  const [, kind, name = "", part] = /^\/v1\/(endpoints|streams)\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
  if (kind === "endpoints") return [`read:${name}`];
  switch (part) {
    case undefined:
      return ["any"];
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
