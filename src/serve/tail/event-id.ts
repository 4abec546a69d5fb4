import type { Position } from "../../log/log.ts";

/** The embedded log has one partition for each stream. */
export const TAIL_PARTITION = 0;

/** The id of an event in a tail: `<log>-<partition>-<offset>`. */
export function eventId(log: string, offset: number): string {
  return `${log}-${TAIL_PARTITION}-${offset}`;
}

/**
 * The id of the event before a position, so that a client that has seen none yet has something to resume from. Before the
 * first event of a log it ends in -1.
 */
export function idBefore({ log, offset }: Position): string {
  return eventId(log, offset - 1);
}

/** The position after the event with this id; undefined for what is no id. */
export function positionAfter(id: string): Position | undefined {
  const [, log = "", offset = ""] = /^(.{1,100})-0-(-1|\d{1,15})$/.exec(id) ?? [];
  return log === "" ? undefined : { log, offset: Number(offset) + 1 };
}
