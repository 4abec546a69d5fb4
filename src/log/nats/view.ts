import { setTimeout as sleep } from "node:timers/promises";
import type { HeadraceError } from "../../errors.ts";
import { Lineage } from "../lineage.ts";
import type { Position } from "../log.ts";
import type { RememberedKeys } from "../remembered-keys.ts";
import { Waiters } from "../waiters.ts";
import type { Chain } from "./chain.ts";
import { FOLLOW_PATIENCE, PLACE_INTERVAL, PLACES_MAX } from "./limits.ts";
import type { MessageHead, MessageKeys, PlacedKey } from "./message.ts";

/** Where the entry of a key lies. */
export interface KeyPlace {
  readonly acceptedAt: number;
  readonly partition: number;
  /** Sequence number of the message with the first bytes of its group. */
  readonly sequence: number;
  /** Of the entry, in the group's bytes. */
  readonly at: number;
  readonly bytes: number;
}

export interface ViewTarget {
  readonly partition: number;
  /** Shared by the partitions of a stream. */
  readonly keys: RememberedKeys<KeyPlace>;
  /** Reads the keys of a group from its bytes. */
  readKeys(sequence: number): Promise<readonly PlacedKey[]>;
  /** A message doesn't fit what was seen before: the server may have lost some. */
  doubted(): void;
}

/** What this process knows of a partition: every message up to some one was looked at, its own and those of others. */
export class PartitionView {
  readonly waiters = new Waiters();
  readonly #target: ViewTarget;
  #chain: Chain;
  /** The oldest position that is kept. */
  #first: number;
  #places: { readonly offset: number; readonly sequence: number }[] = [];
  #watched: { readonly id: string; counted: boolean } | undefined;
  /** Messages whose keys aren't known yet, and those behind them, in order. */
  #unread: { readonly sequence: number; readonly keys: MessageKeys }[] = [];
  #newest = 0;
  #looked: (() => void)[] = [];
  #generation = 0;
  /** The id of the last message before what seemed lost. */
  #missing: string | undefined;

  constructor(target: ViewTarget, chain: Chain, first: number) {
    this.#target = target;
    this.#chain = chain;
    this.#first = first;
  }

  get chain(): Readonly<Chain> {
    return this.#chain;
  }

  /** Grows when what was seen turned out to be lost: what was decided before doesn't hold any more. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether the last message from before a reset turned up after all. */
  get isFound(): boolean {
    return this.#missing === undefined;
  }

  get first(): number {
    return this.#first;
  }

  /** When the newest event was accepted. */
  get newest(): number {
    return this.#newest;
  }

  get lineage(): Lineage {
    return new Lineage(this.#chain.ended, this.#chain.log);
  }

  at(offset: number): Position {
    return this.lineage.at(offset);
  }

  resolve(position: Position): number {
    return this.lineage.resolve(position, this.#first);
  }

  /** Everything before this offset is gone. */
  begins(first: number): void {
    this.#first = Math.max(this.#first, first);
    this.#places = this.#places.filter(({ offset }) => offset >= first);
  }

  /** Begins anew after the server lost messages: keys and places of what is lost mustn't be used. */
  reset(chain: Chain, first: number): void {
    this.#generation += 1;
    this.#missing ??= this.#chain.tipId;
    this.#chain = chain;
    this.#first = first;
    this.#places = [];
    this.#unread = [];
  }

  /** Looks at the next message of the partition; what was looked at already is skipped. */
  apply(sequence: number, head: MessageHead | undefined, keys: MessageKeys): void {
    const applied = this.#chain.apply(sequence, head);
    if (applied.kind === "known") return;
    if (head?.id === this.#missing) this.#missing = undefined;
    if (applied.kind === "ignored") this.#target.doubted();
    else if (head !== undefined && head.id === this.#watched?.id) this.#watched.counted = true;
    if (applied.kind === "group" && head !== undefined) this.#add(applied.first, head, keys);
    for (const wake of this.#looked.splice(0)) wake();
  }

  #add(sequence: number, head: MessageHead, keys: MessageKeys): void {
    // In the order of the log: what is remembered ends with the oldest.
    if (keys === undefined || this.#unread.length > 0) this.#unread.push({ sequence, keys });
    else this.#remember(sequence, keys);
    if (head.offset - (this.#places.at(-1)?.offset ?? Number.NEGATIVE_INFINITY) >= PLACE_INTERVAL) {
      this.#places.push({ offset: head.offset, sequence });
      if (this.#places.length > PLACES_MAX) this.#places.shift();
    }
    this.#newest = Math.max(this.#newest, head.accepted);
    this.waiters.wake(this.#chain.end);
  }

  #remember(sequence: number, keys: readonly PlacedKey[]): void {
    const { partition } = this.#target;
    for (const { key, acceptedAt, at, bytes } of keys) {
      this.#target.keys.add(key, { acceptedAt, partition, sequence, at, bytes });
    }
  }

  /** Whether the keys of all that was looked at are known. */
  get keysKnown(): boolean {
    return this.#unread.length === 0;
  }

  /** Reads the keys that didn't stand in the headers. Call it again until `keysKnown`. */
  async readKeys(): Promise<void> {
    const [next] = this.#unread;
    if (next === undefined) return;
    const keys = next.keys ?? (await this.#target.readKeys(next.sequence));
    // Another caller may have been quicker.
    if (this.#unread[0] !== next) return;
    this.#unread.shift();
    this.#remember(next.sequence, keys);
  }

  /** A message whose events begin at the offset or before, as near as memory says. */
  placeBefore(offset: number): number | undefined {
    return this.#places.findLast((place) => place.offset <= offset)?.sequence;
  }

  /** Watches for one message; `counted` tells whether it came and counts. */
  watch(id: string): { readonly counted: boolean } {
    this.#watched = { id, counted: false };
    return this.#watched;
  }

  /** Resolves with true when messages beyond a sequence number were looked at, with false after a while. */
  async looksBeyond(sequence: number): Promise<boolean> {
    const stop = new AbortController();
    const late = sleep(FOLLOW_PATIENCE, false, { signal: stop.signal }).catch(() => false);
    try {
      while (this.#chain.last <= sequence) {
        const next = new Promise<boolean>((resolve) => this.#looked.push(() => resolve(true)));
        if (!(await Promise.race([next, late]))) return this.#chain.last > sequence;
      }
      return true;
    } finally {
      stop.abort();
    }
  }

  close(error: HeadraceError): void {
    this.waiters.end(error);
  }
}
