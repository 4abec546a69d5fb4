import type { FastifyInstance } from "fastify";
import { HeadraceError } from "../errors.ts";
import type { Role } from "../roles.ts";

type Method = "GET" | "POST" | "DELETE";

/** Which role serves what; every process answers `/livez`, `/readyz` and `/metrics`. */
export const ROLE_ROUTES: readonly (readonly [Role, Method, string])[] = [
  ["ingest", "POST", "/v1/streams/:stream/events"],
  ["serve", "DELETE", "/v1/streams/:stream/events"],
  ["serve", "GET", "/v1/endpoints/:endpoint"],
  ["serve", "POST", "/v1/endpoints/:endpoint"],
  ["serve", "GET", "/v1/streams"],
  ["serve", "GET", "/v1/streams/:stream"],
  ["serve", "GET", "/v1/streams/:stream/rejected"],
  ["serve", "POST", "/v1/streams/:stream/rejected/replay"],
  ["serve", "POST", "/v1/streams/:stream/reset"],
  ["serve", "POST", "/v1/streams/:stream/rebuild"],
  ["serve", "DELETE", "/v1/streams/:stream/rebuild"],
  ["serve", "GET", "/v1/streams/:stream/tail"],
  ["serve", "POST", "/v1/sql"],
  ["serve", "GET", "/v1/openapi.json"],
  ["serve", "GET", "/docs"],
];

/** Registers the routes of roles that this process hasn't: each answers that another process is to be asked. */
export function registerElsewhere(app: FastifyInstance, roles: ReadonlySet<Role>): void {
  const config = { scope: "open" } as const;
  void app.register((scope, _options, done) => {
    // A body that nobody wants is not read.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _body, parsed) => parsed(null));
    for (const [role, method, url] of ROLE_ROUTES) {
      if (roles.has(role)) continue;
      scope.route({
        method,
        url,
        config,
        handler: () => {
          throw new HeadraceError(
            "role_elsewhere",
            `This process has the role ${[...roles].join(" and ")}: ${method} ${inBraces(url)} is for one with the role ${role}`,
            { details: { role } },
          );
        },
      });
    }
    done();
  });
}

function inBraces(url: string): string {
  return url.replaceAll(/:(\w+)/g, "{$1}");
}
