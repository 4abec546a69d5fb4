import { setTimeout as sleep } from "node:timers/promises";

/** Waits for the work, but not longer than the time (milliseconds). */
export async function within(time: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, sleep(time, undefined, { ref: false })]);
}
