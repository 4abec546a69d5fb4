import { HeadraceError } from "../errors.ts";
import type { Position } from "../log/log.ts";
import type { Ledger } from "./ledger.ts";

/** What the loader of a partition gives to whoever works in its place for a moment. */
export interface Turn {
  readonly ledger: Ledger;
  /** Everything before it is in the store. */
  readonly loaded: Position;
  /** Why the loader had stopped. */
  readonly halted?: HeadraceError;
}

/** Gives what the loader does afterwards: goes on, or finds out first, as at a start, where it is. */
export type TurnWork = (turn: Turn) => Promise<AfterTurn>;
export type AfterTurn = "gathering" | "reconciling";

/** Work on a stream that others want done while its loader does nothing: no plan is open, and nothing is being erased. */
export class Turns {
  readonly #waiting = new Set<Waiting>();
  #bell = new AbortController();
  #ended = false;

  get areWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Aborts when somebody asks: to end a wait for events. */
  get asked(): AbortSignal {
    return this.#bell.signal;
  }

  /** Resolves when the work is done; rejects with its error, or with the signal's reason when that aborts before it begins. */
  async ask(work: TurnWork, signal: AbortSignal): Promise<void> {
    if (this.#ended) throw stopped();
    signal.throwIfAborted();
    const waiting: Waiting = { ...Promise.withResolvers<void>(), work };
    const giveUp = () => {
      if (!this.#waiting.delete(waiting)) return;
      this.#quiet();
      waiting.reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    this.#waiting.add(waiting);
    this.#bell.abort();
    try {
      await waiting.promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Does what was asked for first. After work that failed the loader has to find out where it is. */
  async run(turn: Turn): Promise<AfterTurn> {
    const waiting = this.#take();
    if (waiting === undefined) return "gathering";
    try {
      const after = await waiting.work(turn);
      waiting.resolve();
      return after;
    } catch (error) {
      waiting.reject(error);
      return "reconciling";
    }
  }

  /** Nobody gets a turn now. */
  refuse(error: HeadraceError): void {
    for (let waiting = this.#take(); waiting !== undefined; waiting = this.#take()) waiting.reject(error);
  }

  end(): void {
    this.#ended = true;
    this.refuse(stopped());
  }

  #take(): Waiting | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    this.#waiting.delete(first);
    this.#quiet();
    return first;
  }

  /** A bell that rings for nobody would never let the loader wait again. */
  #quiet(): void {
    if (!this.areWaiting) this.#bell = new AbortController();
  }
}

interface Waiting {
  readonly work: TurnWork;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function stopped(): HeadraceError {
  return new HeadraceError("draining", "The server is stopping");
}
