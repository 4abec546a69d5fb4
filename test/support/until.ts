import { setTimeout as sleep } from "node:timers/promises";

/** Waits until the condition holds, looking every few milliseconds; fails when the timeout (milliseconds) is over. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  options: { readonly timeout?: number } = {},
): Promise<void> {
  const timeout = options.timeout ?? 10_000;
  const deadline = performance.now() + timeout;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`the condition didn't hold within ${timeout} ms`);
    await sleep(5);
  }
}
