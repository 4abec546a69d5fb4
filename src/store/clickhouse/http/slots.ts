import { cancelled, draining, WaitingLine } from "../waiting-line.ts";

/** So many at once; the others wait, first come, first served. */
export class Slots {
  readonly #line = new WaitingLine<void>("none ended");
  #free: number;
  #closed = false;

  constructor(count: number) {
    this.#free = count;
  }

  async acquire(signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw draining();
    if (signal?.aborted === true) throw cancelled();
    if (this.#free > 0) this.#free -= 1;
    else await this.#line.join(signal);
  }

  release(): void {
    if (!this.#line.hand()) this.#free += 1;
  }

  /** Refuses whoever waits. */
  close(): void {
    this.#closed = true;
    this.#line.close();
  }
}
