import type { FastifyReply, FastifyRequest } from "fastify";

/**
 * What every answer says to a browser: take the content type at its word, don't tell other sites where one came from, and
 * let no other page show or embed it. A page of ours sets a policy of its own.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
};

export function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header("x-request-id", request.id);
  void reply.headers(SECURITY_HEADERS);
}
