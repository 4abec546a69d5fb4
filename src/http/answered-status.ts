import type { ServerResponse } from "node:http";

/** The status of a request whose client went away before its answer was whole, as nginx has it. Never sent. */
export const CLIENT_GONE = 499;

/** The status that a closed response had. */
export function answeredStatus(response: ServerResponse): number {
  return response.writableFinished ? response.statusCode : CLIENT_GONE;
}
