import { WORK_SLICE } from "./limits.ts";

/**
 * Turns at the event loop for long work, one a turn of the loop and in order, so that many large requests together don't
 * hold it longer than one does.
 */
export class WorkSlices {
  readonly #waiting: (() => void)[] = [];
  readonly #next = (): void => {
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) setImmediate(this.#next);
  };

  /** Begins the first slice of a piece of work. */
  begin(): WorkSlice {
    return new WorkSlice(() => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(this.#next);
      return promise;
    });
  }
}

/** One stretch of work after another. */
export class WorkSlice {
  readonly #turn: () => Promise<void>;
  #until = performance.now() + WORK_SLICE;

  constructor(turn: () => Promise<void>) {
    this.#turn = turn;
  }

  /** Whether others should have their turn now. */
  get isOver(): boolean {
    return performance.now() >= this.#until;
  }

  /** Lets others have their turn. */
  async pause(): Promise<void> {
    await this.#turn();
    this.#until = performance.now() + WORK_SLICE;
  }
}
