import { HeadraceError } from "../../errors.ts";

/** How many may wait for their turn; one more is refused with `overloaded`. */
export const WAITING_MAX = 50;

/** Lets so many run at once; others wait, first come, first served. */
export class Turns {
  readonly #max: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Resolves when it is the caller's turn, with what ends it.
   * @throws HeadraceError `overloaded` when too many wait already, `query_cancelled` when the signal aborts first.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#running >= this.#max) await this.#wait(signal);
    else this.#running++;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#end();
    };
  }

  /** The turn goes to whoever waits longest. */
  #end(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) {
      throw new HeadraceError("overloaded", `${WAITING_MAX} SQL queries wait already`, {
        retryAfterSeconds: 1,
      });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(go);
        reject(new HeadraceError("query_cancelled", "The client went away before its query began"));
      };
      const go = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(go);
    });
  }
}
