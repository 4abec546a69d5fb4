import { HeadraceError } from "../../../errors.ts";
import { SECOND } from "../../../units.ts";

/** Queries that wait for their turn at most; one more is refused with `overloaded`. */
const WAITING_MAX = 500;
/** A query waits this long at most, then it is refused with `overloaded`. Milliseconds. */
const WAITING_TIME_MAX = 30 * SECOND;

interface Waiting {
  resolve(): void;
  reject(error: HeadraceError): void;
}

/** So many at once; the others wait, first come, first served. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<Waiting>();
  #closed = false;

  constructor(count: number) {
    this.#free = count;
  }

  async acquire(signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw draining();
    if (signal?.aborted === true) throw cancelled();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
  }

  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next.resolve();
  }

  /** Refuses whoever waits. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting) waiting.reject(draining());
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) throw overloaded(`${WAITING_MAX} queries wait already`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { resolve, reject };
    this.#waiting.add(waiting);
    const timer = setTimeout(
      () => reject(overloaded(`none ended for ${WAITING_TIME_MAX / SECOND} s`)),
      WAITING_TIME_MAX,
    );
    const abort = (): void => reject(cancelled());
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(waiting);
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

export function cancelled(): HeadraceError {
  return new HeadraceError("query_cancelled", "The query was cancelled");
}

export function draining(): HeadraceError {
  return new HeadraceError("draining", "The store is closing");
}

function overloaded(why: string): HeadraceError {
  return new HeadraceError("overloaded", `Too many queries at once: ${why}`, { retryAfterSeconds: 1 });
}
