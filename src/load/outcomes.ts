import type { Position } from "../log/log.ts";
import type { OpenPlan } from "./ledger-state.ts";
import { OUTCOME_SPANS_MAX } from "./limits.ts";
import type { BatchRange, StoredCounts } from "./load.ts";
import { NO_SPANS, sizeWithin, spansOf, type Spans } from "./spans.ts";

/** What became of the batches of one partition since the start, for those who wait for theirs. */
export class Outcomes {
  readonly #waiters = new Set<Waiter>();
  #loaded: Position | undefined;
  /** Counts are exact for batches of this log from this offset on. */
  #known: Position | undefined;
  #duplicates: Spans = NO_SPANS;
  #refused: Spans = NO_SPANS;
  #ended = false;

  /** Everything before the position is in the store; what became of it isn't known. */
  begin(loaded: Position): void {
    this.#loaded = loaded;
    this.#known = loaded;
    this.#duplicates = NO_SPANS;
    this.#refused = NO_SPANS;
  }

  /** The plan's rows are queryable. */
  done(plan: OpenPlan): void {
    if (this.#known?.log !== plan.log) this.begin({ log: plan.log, offset: plan.from });
    this.#loaded = { log: plan.log, offset: plan.to };
    // Plans come in the order of their offsets.
    this.#duplicates = this.#duplicates.concat(plan.duplicates);
    this.#refused = this.#refused.concat(spansOf(plan.refused.map((event) => event.offset)));
    for (const waiter of this.#waiters) {
      if (this.#isLoaded(waiter.batch)) this.#settle(waiter, this.#counts(waiter.batch));
    }
    this.#forget(plan);
  }

  /** Resolves with undefined when the time is over, or when the batch is too long ago to know. */
  async of(batch: BatchRange, timeout: number): Promise<StoredCounts | undefined> {
    if (this.#isLoaded(batch)) return this.#counts(batch);
    if (this.#ended) return undefined;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        batch,
        resolve,
        timer: setTimeout(() => this.#settle(waiter, undefined), timeout),
      };
      this.#waiters.add(waiter);
    });
  }

  /** Nothing more will be loaded: whoever waits is told that it isn't known. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters) this.#settle(waiter, undefined);
  }

  #settle(waiter: Waiter, counts: StoredCounts | undefined): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    waiter.resolve(counts);
  }

  #isLoaded(batch: BatchRange): boolean {
    const end = batch.position.offset + batch.events + batch.rejected;
    return this.#loaded?.log === batch.position.log && end <= this.#loaded.offset;
  }

  #counts(batch: BatchRange): StoredCounts | undefined {
    const { log, offset } = batch.position;
    if (this.#known?.log !== log || offset < this.#known.offset) return undefined;
    const range = { from: offset, to: offset + batch.events };
    const duplicates = sizeWithin(this.#duplicates, range);
    const refused = sizeWithin(this.#refused, range);
    return { stored: batch.events - duplicates - refused, duplicates, refused };
  }

  #forget(plan: OpenPlan): void {
    if (this.#duplicates.length + this.#refused.length <= OUTCOME_SPANS_MAX) return;
    this.begin({ log: plan.log, offset: plan.to });
  }
}

interface Waiter {
  readonly batch: BatchRange;
  readonly resolve: (counts: StoredCounts | undefined) => void;
  readonly timer: NodeJS.Timeout;
}
