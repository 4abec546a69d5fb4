import type { IncomingMessage } from "node:http";

/** Reads a request's body without keeping it, and calls back once: at its end, when the client has gone, or after `time` milliseconds. */
export function discardBody(request: IncomingMessage, time: number, then: () => void): void {
  const end = (): void => {
    clearTimeout(timer);
    request.off("close", end);
    then();
  };
  const timer = setTimeout(end, time);
  request.once("close", end);
  request.resume();
}
