import { setTimeout } from "node:timers/promises";

export interface BackoffOptions {
  /** Longest wait before the first retry, in milliseconds; it doubles with each that follows. */
  readonly first: number;
  /** Longest wait before any retry, in milliseconds. */
  readonly max: number;
}

/**
 * How long to wait before a retry (the first is 1): anything up to the bound, so that what failed together doesn't
 * come back together ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function backoffDelay(attempt: number, options: BackoffOptions): number {
  const bound = Math.min(options.max, options.first * 2 ** (attempt - 1));
  return Math.random() * bound;
}

/** Resolves after so many milliseconds, or when the signal aborts. */
export async function pause(delay: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await setTimeout(delay, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
