import { ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { HeadraceError, type ErrorCode } from "../errors.ts";
import { SECURITY_HEADERS } from "./common-headers.ts";
import { PROBLEM_TYPE, problemOf } from "./problem.ts";

/**
 * Answers what never became a request: bad HTTP, a request that didn't arrive in time, too many headers, a body that
 * ended early. The connection is closed, since what follows can't be told from what is missing.
 */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const current = currentAnswer(socket);
  if (current?.req.complete === true) {
    // The request is whole, and what it did may be kept already: only what follows it is bad, so its answer goes first.
    current.once("close", () => answerClientError(error, socket));
    return;
  }
  if (current?.headersSent === true) {
    // Another answer would be garbage in the middle of this one.
    socket.destroy();
    return;
  }
  const problem = errorOfConnection(error);
  const body = JSON.stringify(problemOf(problem));
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      `Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\n${SECURITY_LINES}Connection: close\r\n\r\n${body}`,
  );
  // What may still come in is of no use, and the request that waits for it must learn that it won't.
  socket.destroySoon();
}

const SECURITY_LINES = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join("");

function errorOfConnection(error: Error & { code?: string }): HeadraceError {
  const [code, message] = (error.code && CONNECTION_ERRORS[error.code]) || NOT_HTTP;
  return new HeadraceError(code, message, { cause: error });
}

const NOT_HTTP = ["bad_request", "The bytes on the connection aren't an HTTP/1.1 request"] as const;
const CONNECTION_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ["request_timeout", "The request's headers and body did not arrive in time"],
  HPE_HEADER_OVERFLOW: ["headers_too_large", "The request's headers are larger than the limit"],
  HPE_INVALID_EOF_STATE: ["body_unreadable", "The connection ended before the request was whole"],
};

/** The answer that is being worked on. Node's own handler asks the same private field (`_http_server.js`, socketOnError). */
function currentAnswer(socket: Socket): ServerResponse | undefined {
  const message: unknown = "_httpMessage" in socket ? socket._httpMessage : undefined;
  return message instanceof ServerResponse ? message : undefined;
}
