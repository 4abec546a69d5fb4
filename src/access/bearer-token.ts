import { AUTHORIZATION_LENGTH_MAX } from "./limits.ts";

/** RFC 6750, 2.1. The scheme is the same in any case (RFC 9110, 11.1). */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** The token of an Authorization header; undefined when it is something else. */
export function bearerToken(header: string): string | undefined {
  return header.length > AUTHORIZATION_LENGTH_MAX ? undefined : BEARER.exec(header)?.[1];
}
