import type { LogBatch, Position } from "../log/log.ts";
import type { EventIds } from "./ids/event-ids.ts";

/** Batches for one plan. */
export interface Gathered {
  readonly batches: readonly LogBatch[];
  /** The id of each event, when the stream has ids. */
  readonly ids: EventIds | undefined;
}

export interface GatherFlow {
  readonly signal: AbortSignal;
  /** While it says so, time alone doesn't end the gathering. */
  isHeld(): boolean;
}

/** Gathers from a position until there is enough, or the signal aborts. */
export type GatherFrom = (from: Position, flow: GatherFlow) => Promise<Gathered>;

interface Reading {
  readonly from: Position;
  readonly dropped: AbortController;
  readonly gathered: Promise<Gathered>;
  isHeld: boolean;
}

/**
 * Gathers the next plan's batches while the last plan is inserted: the engine has one core busy then, and the event loop has time.
 * It only reads, so it may be dropped at any time.
 */
export class ReadAhead {
  readonly #gather: GatherFrom;
  #reading: Reading | undefined;

  constructor(gather: GatherFrom) {
    this.#gather = gather;
  }

  /** Begins to gather from there, unless that has begun already. */
  begin(from: Position): void {
    if (this.#reading !== undefined && isSame(this.#reading.from, from)) return;
    this.drop();
    const dropped = new AbortController();
    const flow = { signal: dropped.signal, isHeld: () => reading.isHeld };
    const reading: Reading = { from, dropped, isHeld: true, gathered: this.#gather(from, flow) };
    // Whoever takes it hears of it.
    reading.gathered.catch(() => undefined);
    this.#reading = reading;
  }

  /** What was gathered from there, and what comes until it is to be flushed; from now on when nothing was. Nothing when the signal aborts. */
  async take(from: Position, signal: AbortSignal): Promise<Gathered> {
    this.begin(from);
    const reading = this.#reading;
    if (reading === undefined) throw new RangeError("nothing was begun");
    reading.isHeld = false;
    const onAbort = (): void => reading.dropped.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await reading.gathered;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#reading = undefined;
    }
  }

  drop(): void {
    this.#reading?.dropped.abort();
    this.#reading = undefined;
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.log === b.log && a.offset === b.offset;
}
