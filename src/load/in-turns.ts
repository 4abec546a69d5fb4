import { setImmediate } from "node:timers/promises";
import { ROWS_PER_TURN } from "./limits.ts";

/** Works through a long list, letting the event loop do what waits now and then. */
export async function inTurns<Row>(rows: Iterable<Row>, work: (row: Row) => void): Promise<void> {
  let left = ROWS_PER_TURN;
  for (const row of rows) {
    work(row);
    left -= 1;
    if (left > 0) continue;
    await setImmediate();
    left = ROWS_PER_TURN;
  }
}

/** The same for the numbers from 0 to before `count`. */
export async function countInTurns(count: number, work: (index: number) => void): Promise<void> {
  for (let from = 0; from < count; from += ROWS_PER_TURN) {
    if (from > 0) await setImmediate();
    const to = Math.min(from + ROWS_PER_TURN, count);
    for (let index = from; index < to; index++) work(index);
  }
}
