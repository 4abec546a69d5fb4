import { SLICE_EVENTS, SPLIT_DONE, type EventSplitter } from "../../../src/ingest/split/event-splitter.ts";

/** The text of all events of a body, and how many calls it took. */
export function splitAll(body: Buffer, splitter: EventSplitter): { events: string[]; calls: number } {
  const events: string[] = [];
  let calls = 0;
  for (let count = splitter.next(); count !== SPLIT_DONE; count = splitter.next()) {
    calls++;
    if (count > SLICE_EVENTS) throw new RangeError(`${count} events in one slice`);
    for (let index = 0; index < count; index++) {
      events.push(body.toString("utf8", splitter.ranges[2 * index], splitter.ranges[2 * index + 1]));
    }
  }
  return { events, calls };
}

/** What splitting throws, as "code: message"; "" when it throws nothing. */
export function splitError(body: Buffer, splitter: EventSplitter): string {
  try {
    splitAll(body, splitter);
    return "";
  } catch (error) {
    if (error instanceof Error && "code" in error) return `${String(error.code)}: ${error.message}`;
    throw error;
  }
}
