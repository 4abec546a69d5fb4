/**
 * How much of what waits a group takes. Clients that are answered together send again together: then the disk rests while their
 * requests are worked on, and the processor rests while the disk syncs. Where working on them took longer than the
 * last sync, half of them go first, so that from then on one half is synced while the other is worked on.
 */
export class GroupPace {
  readonly #clock: () => number;
  #began = 0;
  /** When the last group was over. Milliseconds; so are the others. */
  #ended = 0;
  /** How long the last group took. */
  #took = Number.POSITIVE_INFINITY;

  /** @param clock Milliseconds of a steady clock. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** @returns How many of so many batches that wait to take. */
  begin(waiting: number): number {
    this.#began = this.#clock();
    return this.#began - this.#ended > this.#took ? Math.ceil(waiting / 2) : waiting;
  }

  end(): void {
    this.#ended = this.#clock();
    this.#took = this.#ended - this.#began;
  }
}
