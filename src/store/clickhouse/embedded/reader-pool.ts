import { HeadraceError } from "../../../errors.ts";
import { SECOND } from "../../../units.ts";
import type { EngineSession } from "./engine-session.ts";
import type { ResultPipe } from "./result-pipe.ts";

/** Queries that wait for a session at most; one more is refused with `overloaded`. */
export const WAITING_QUERIES_MAX = 500;
/** A query waits for a session this long at most, then it is refused with `overloaded`. */
export const WAITING_TIME_MAX = 30 * SECOND;

/** A session for queries and the pipe that its answers come through. */
export interface Reader {
  readonly session: EngineSession;
  readonly pipe: ResultPipe;
}

interface Waiting {
  resolve(reader: Reader): void;
  reject(error: HeadraceError): void;
}

/** The sessions that queries run in. More queries than sessions wait, first come, first served. */
export class ReaderPool {
  readonly #open: () => Promise<Reader>;
  readonly #size: number;
  readonly #idle: Reader[] = [];
  /** Readers whose query doesn't stop although it was told to: another reader stands in for each. */
  readonly #stuck = new Set<Reader>();
  #waiting: Waiting[] = [];
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
    if (this.#closed) throw new HeadraceError("draining", "The store is closing");
    throwIfAborted(signal);
    const idle = this.#idle.pop();
    return idle ?? this.#wait(signal);
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
    for (const waiting of this.#waiting.splice(0)) {
      waiting.reject(new HeadraceError("draining", "The store is closing"));
    }
    for (const reader of this.#idle.splice(0)) await closeReader(reader);
  }

  async #add(): Promise<void> {
    const reader = await this.#open();
    if (this.#closed) await closeReader(reader);
    else this.#hand(reader);
  }

  #hand(reader: Reader): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#idle.push(reader);
      return;
    }
    next.resolve(reader);
  }

  #wait(signal: AbortSignal | undefined): Promise<Reader> {
    if (this.#waiting.length >= WAITING_QUERIES_MAX) {
      throw overloaded(`${WAITING_QUERIES_MAX} queries wait already`);
    }
    return new Promise((resolve, reject) => {
      const leave = (error: HeadraceError): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        waiting.reject(error);
      };
      const aborted = (): void => leave(cancelled());
      const timer = setTimeout(
        () => leave(overloaded(`no session was free for ${WAITING_TIME_MAX / SECOND} s`)),
        WAITING_TIME_MAX,
      );
      const settle = <Value>(then: (value: Value) => void) => {
        return (value: Value): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", aborted);
          then(value);
        };
      };
      const waiting: Waiting = { resolve: settle(resolve), reject: settle(reject) };
      signal?.addEventListener("abort", aborted, { once: true });
      this.#waiting.push(waiting);
    });
  }
}

export function cancelled(): HeadraceError {
  return new HeadraceError("query_cancelled", "The query was cancelled");
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled();
}

function overloaded(why: string): HeadraceError {
  return new HeadraceError("overloaded", `Too many queries at once: ${why}`, { retryAfterSeconds: 1 });
}

async function closeReader(reader: Reader): Promise<void> {
  await reader.session.close();
  await reader.pipe.close();
}
