import { setTimeout as sleep } from "node:timers/promises";

/** Waits so many milliseconds. */
export const pause = (milliseconds: number): Promise<void> => sleep(milliseconds);
