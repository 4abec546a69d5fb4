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
