import { setImmediate } from "node:timers/promises";

/** Lets the event loop do what waits before long work goes on. */
export async function nextTurn(): Promise<void> {
  await setImmediate();
}
