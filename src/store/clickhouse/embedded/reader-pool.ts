import { cancelled, draining, WaitingLine } from "../waiting-line.ts";
import type { EngineSession } from "./engine-session.ts";
import type { ResultPipe } from "./result-pipe.ts";

/** A session for queries and the pipe that its answers come through. */
export interface Reader {
  readonly session: EngineSession;
  readonly pipe: ResultPipe;
}

/** The sessions that queries run in. More queries than sessions wait, first come, first served. */
export class ReaderPool {
  readonly #open: () => Promise<Reader>;
  readonly #size: number;
  readonly #idle: Reader[] = [];
  /** Readers whose query doesn't stop although it was told to: another reader stands in for each. */
  readonly #stuck = new Set<Reader>();
  readonly #line = new WaitingLine<Reader>("no session was free");
  #closed = false;

  private constructor(size: number, open: () => Promise<Reader>) {
    this.#size = size;
    this.#open = open;
  }

  static async create(size: number, open: () => Promise<Reader>): Promise<ReaderPool> {
    const pool = new ReaderPool(size, open);
    try {
      for (let index = 0; index < size; index++) await pool.#add();
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  async acquire(signal: AbortSignal | undefined): Promise<Reader> {
    if (this.#closed) throw draining();
    if (signal?.aborted === true) throw cancelled();
    return this.#idle.pop() ?? this.#line.join(signal);
  }

  /** Gives a reader back; its call must have ended. */
  async release(reader: Reader): Promise<void> {
    if (this.#stuck.delete(reader) || this.#closed) await closeReader(reader);
    else this.#hand(reader);
  }

  /** Its query can't be stopped: opens another reader in its place, if the limit allows. It is still to be released. */
  async replace(reader: Reader): Promise<void> {
    if (this.#closed || this.#stuck.size >= this.#size) return;
    this.#stuck.add(reader);
    try {
      await this.#add();
    } catch {
      // The reader itself comes back to the pool then.
      this.#stuck.delete(reader);
    }
  }

  /** Refuses whoever waits and closes what is idle; the others are closed when they are released. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#line.close();
    for (const reader of this.#idle.splice(0)) await closeReader(reader);
  }

  async #add(): Promise<void> {
    const reader = await this.#open();
    if (this.#closed) await closeReader(reader);
    else this.#hand(reader);
  }

  #hand(reader: Reader): void {
    if (!this.#line.hand(reader)) this.#idle.push(reader);
  }
}

async function closeReader(reader: Reader): Promise<void> {
  await reader.session.close();
  await reader.pipe.close();
}
