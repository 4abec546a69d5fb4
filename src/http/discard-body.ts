import type { IncomingMessage } from "node:http";

/**
 * Reads a request's body without keeping it. Resolves at its end, when the client has gone, or when the time
 * (milliseconds) is over.
 */
export function bodyDiscarded(request: IncomingMessage, time: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, time);
    request.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    request.resume();
  });
}
