import type { IncomingMessage } from "node:http";
import { HeadraceError } from "../errors.ts";

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/**
 * A check of the Host header against names of this machine. Without tokens it is what keeps a web page from reaching a
 * server on loopback through a name of its own that it points at 127.0.0.1 (DNS rebinding).
 *
 * @param hosts Names to allow beside loopback's own; undefined allows any name.
 */
export function hostCheck(
  hosts: readonly string[] | undefined,
): (request: IncomingMessage) => HeadraceError | undefined {
  const allowed =
    hosts && new Set([...LOOPBACK_HOSTS, ...hosts.map(inUrl)].map((host) => host.toLowerCase()));
  // Clients send few different ones, so each is taken apart once; bounded, since anyone can send new ones.
  const seen = new Set<string>();
  return (request) => {
    const host = request.headers.host;
    if (host === undefined) {
      return request.httpVersion === "1.0" && allowed === undefined
        ? undefined
        : new HeadraceError("bad_request", "The request has no Host header");
    }
    if (allowed === undefined || seen.has(host)) return undefined;
    const name = host.replace(/:\d*$/, "").toLowerCase();
    if (!allowed.has(name)) {
      return new HeadraceError("host_not_allowed", `The Host header "${host}" isn't a name of this server`);
    }
    if (seen.size < SEEN_MAX) seen.add(host);
    return undefined;
  };
}

const SEEN_MAX = 16;

/** As the host stands in a URL: an IPv6 address is in brackets. */
export function inUrl(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
