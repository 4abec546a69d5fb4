/** Those who wait for the log to reach an offset. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Resolves when the log reaches beyond the offset, or the signal aborts; rejects when the log is closed. */
  wait(offset: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        this.#waiting.delete(waiter);
        signal.removeEventListener("abort", onAbort);
        how();
      };
      const onAbort = (): void => settle(resolve);
      const waiter: Waiter = {
        offset,
        done: () => settle(resolve),
        fail: (error) => settle(() => reject(error)),
      };
      this.#waiting.add(waiter);
      signal.addEventListener("abort", onAbort);
    });
  }

  wake(end: number): void {
    for (const waiter of this.#waiting) if (waiter.offset < end) waiter.done();
  }

  end(error: Error): void {
    for (const waiter of this.#waiting) waiter.fail(error);
  }
}

interface Waiter {
  readonly offset: number;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}
