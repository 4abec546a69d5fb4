import { HeadraceError } from "../../errors.ts";
import { SECOND } from "../../units.ts";

/** Queries that wait for their turn at most; one more is refused with `overloaded`. */
export const WAITING_QUERIES_MAX = 500;
/** A query waits this long at most, then it is refused with `overloaded`. Milliseconds. */
const WAITING_TIME_MAX = 30 * SECOND;

interface Waiting<Thing> {
  resolve(thing: Thing): void;
  reject(error: HeadraceError): void;
}

/** Who waits for something that is handed on, first come, first served. */
export class WaitingLine<Thing> {
  readonly #waiting = new Set<Waiting<Thing>>();
  readonly #late: string;

  /** @param late Why somebody has waited for too long, such as "no session was free". */
  constructor(late: string) {
    this.#late = late;
  }

  /**
   * Waits for what is handed on.
   * @throws HeadraceError `overloaded` when too many wait, or when it took too long; `query_cancelled` when the signal aborts;
   * `draining` when the line is closed.
   */
  async join(signal: AbortSignal | undefined): Promise<Thing> {
    if (this.#waiting.size >= WAITING_QUERIES_MAX) {
      throw overloaded(`${WAITING_QUERIES_MAX} queries wait already`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Thing>();
    const waiting = { resolve, reject };
    // Out of the line at once: what is handed on in the same instant must not go to somebody who has left.
    const leave = (error: HeadraceError): void => {
      this.#waiting.delete(waiting);
      reject(error);
    };
    const abort = (): void => leave(cancelled());
    const timer = setTimeout(
      () => leave(overloaded(`${this.#late} for ${WAITING_TIME_MAX / SECOND} s`)),
      WAITING_TIME_MAX,
    );
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.add(waiting);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Gives it to whoever waits longest; false when nobody does. */
  hand(thing: Thing): boolean {
    const [next] = this.#waiting;
    if (next === undefined) return false;
    this.#waiting.delete(next);
    next.resolve(thing);
    return true;
  }

  /** Refuses whoever waits. */
  close(): void {
    for (const waiting of this.#waiting) waiting.reject(draining());
    this.#waiting.clear();
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
