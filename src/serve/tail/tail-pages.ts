import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError } from "../../errors.ts";
import type { Log, Position } from "../../log/log.ts";
import { TAIL_PARTITION } from "./event-id.ts";
import type { TailLimits } from "./limits.ts";
import { tailPage, type TailPage } from "./tail-page.ts";

interface Shared {
  readonly page: Promise<TailPage | undefined>;
  users: number;
}

/** A page that somebody reads; to be disposed of, since pages count while they are held. */
export interface HeldPage extends TailPage, Disposable {}

/**
 * Reads streams for all tails. Tails that stand at the same place, as all do that keep up, share one read and what is made
 * of it. No cursor is committed, so no tail keeps retention from dropping anything.
 */
export class TailPages {
  readonly #log: Pick<Log, "read" | "wait">;
  readonly #limits: TailLimits;
  readonly #shared = new Map<string, Shared>();
  #heldBytes = 0;

  constructor(log: Pick<Log, "read" | "wait">, limits: TailLimits) {
    this.#log = log;
    this.#limits = limits;
  }

  /**
   * The page that begins at a position; waits until there is one. undefined when the signal aborts. Throws `offset_gone`,
   * `overloaded` when too much is held already, and what the log throws.
   */
  async next(stream: string, from: Position, signal: AbortSignal): Promise<HeldPage | undefined> {
    while (!signal.aborted) {
      const page = await this.#read(stream, from);
      if (page !== undefined) return page;
      await this.#log.wait(stream, TAIL_PARTITION, from, signal);
      await sleep(this.#limits.gather, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  async #read(stream: string, from: Position): Promise<HeldPage | undefined> {
    const key = JSON.stringify([stream, from.log, from.offset]);
    const shared = this.#shared.get(key) ?? this.#begin(key, stream, from);
    shared.users++;
    let page: TailPage | undefined;
    try {
      page = await shared.page;
    } finally {
      if (page === undefined) this.#release(key, shared, undefined);
    }
    return page && { ...page, [Symbol.dispose]: () => this.#release(key, shared, page) };
  }

  #begin(key: string, stream: string, from: Position): Shared {
    if (this.#heldBytes > this.#limits.pagesBytesMax) {
      throw new HeadraceError("overloaded", "Slow tails hold more of the log than may be in memory");
    }
    const shared: Shared = { page: this.#load(stream, from), users: 0 };
    this.#shared.set(key, shared);
    return shared;
  }

  async #load(stream: string, from: Position): Promise<TailPage | undefined> {
    const { pageBytes, sliceBytes } = this.#limits;
    const limit = { bytes: pageBytes, events: Number.MAX_SAFE_INTEGER };
    const batches = await this.#log.read(stream, TAIL_PARTITION, from, limit);
    const last = batches.at(-1);
    if (last === undefined) return undefined;
    const page = tailPage(batches, last, sliceBytes);
    this.#heldBytes += heldBytes(page);
    return page;
  }

  #release(key: string, shared: Shared, page: TailPage | undefined): void {
    shared.users--;
    if (shared.users > 0) return;
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
    if (page !== undefined) this.#heldBytes -= heldBytes(page);
  }
}

/** Lines, and what is sent of them. */
function heldBytes(page: TailPage): number {
  return 2 * page.bytes;
}
