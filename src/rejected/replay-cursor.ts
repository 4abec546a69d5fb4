import { decodeCursor, encodeCursor, type RejectedCursor } from "./rejected-cursor.ts";
import { HeadraceError } from "../errors.ts";

/** Where a part of a replay ended. */
export interface ReplayCursor extends RejectedCursor {
  /** When the whole began, milliseconds since 1970: what was rejected later isn't part of it. */
  readonly started: number;
}

export function encodeReplayCursor(cursor: ReplayCursor): string {
  return `${cursor.started.toString(36)}.${encodeCursor(cursor)}`;
}

/** Throws `bad_parameter` when it isn't one of ours. */
export function decodeReplayCursor(text: string): ReplayCursor {
  const [, started, rest] = /^([0-9a-z]{1,10})\.(.*)$/s.exec(text) ?? [];
  if (started !== undefined && rest !== undefined) {
    return { started: Number.parseInt(started, 36), ...decodeCursor(rest) };
  }
  throw new HeadraceError("bad_parameter", "cursor must be the `next` of an earlier answer", {
    details: { parameter: "cursor" },
  });
}
