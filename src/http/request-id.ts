import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Short enough for a log line, and safe in a header and a URN without any escaping. */
const REQUEST_ID = /^[\w.:~+=-]{1,128}$/;

/** The id that the caller gave in X-Request-Id when it is usable, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}
