import type { Position } from "../log/log.ts";
import type { Rebuilds } from "./rebuild/rebuilds.ts";

/** The loader: one subscription of each stream that brings what the log holds into the store, each event exactly once. */
export interface Loader {
  /**
   * Reconciles what an earlier run left open, then loads until stopped. Resolves when reconciling is done for every
   * stream, but for those in trouble: `status` tells which, and they don't hold up the others.
   */
  start(): Promise<void>;

  /**
   * Finds out, before anything is appended, into which streams' logs nothing may be: `closed` in their status. To be called
   * before `start`, and before events are taken.
   */
  examine(): Promise<void>;

  /** Finishes the insert in flight, writes the cursor and stops. What isn't loaded yet stays in the log for the next start. */
  stop(): Promise<void>;

  /**
   * Resolves when that batch is queryable, with what became of it; undefined when the time (milliseconds) is over
   * first, when the loader stops, or when the batch was loaded too long ago to know.
   */
  stored(stream: string, batch: BatchRange, timeout: number): Promise<StoredCounts | undefined>;

  /**
   * Waits until everything that the log held at the call is queryable. False when the time (milliseconds) is over first,
   * or when the loader stops.
   */
  settled(stream: string, timeout: number): Promise<boolean>;

  /**
   * Erases what was accepted before the call: rows, rejected events, ids. When it resolves, that is durably decided: with counts
   * when it is done, or undefined when the time (milliseconds) is over first, and it will be done, even after a crash.
   * Rejects, and nothing is decided, with `overloaded` when the loader can't take it in time; with `condition_invalid`
   * when `where` can't be computed on some row; with `draining` when the loader stops.
   */
  erase(stream: string, what: WhatToErase, timeout: number): Promise<ErasedCounts | undefined>;

  /** Makes tables anew. */
  readonly rebuilds: Rebuilds;

  /** A number that changes whenever rows of the stream became visible or went away: answers kept under another are stale. */
  version(stream: string): number;

  status(stream: string): LoadStatus;

  /** The same of what this very process loads, undefined when that is nothing. Absent: it loads all. */
  held?(stream: string): LoadStatus | undefined;
}

export interface BatchRange {
  readonly partition: number;
  readonly position: Position;
  /** Accepted events of the batch. */
  readonly events: number;
  /** Rejected events of the batch. */
  readonly rejected: number;
}

export type WhatToErase =
  | {
      readonly kind: "some";
      /** Rows of the stream's table, and rejected events as far as their fields can be read: the store's SQL. */
      readonly where?: string;
      /** Rejected events in which this text stands, too. */
      readonly rejected?: string;
    }
  /** Everything. What isn't loaded yet won't be. */
  | { readonly kind: "all" };

export interface ErasedCounts {
  /** Rows of the stream's table. */
  readonly rows: number;
  /** Rejected events. */
  readonly rejected: number;
}

export interface StoredCounts {
  readonly stored: number;
  readonly duplicates: number;
  /** Events that the store refused; they are kept as rejected. */
  readonly refused: number;
}

export interface LoadStatus {
  /** "stopped" with a `reason`: it can't go on by itself, such as with `store_mismatch`. */
  readonly state: "reconciling" | "running" | "retrying" | "stopped";
  /** Events that are accepted and not queryable yet, rejected ones among them. */
  readonly lagEvents: number;
  /** Age of the oldest of them, in milliseconds; 0 when there are none. */
  readonly lagAge: number;
  /** Position up to which everything is in the store. */
  readonly loaded: Position;
  /** Why it is retrying or has stopped: the error's code and message. */
  readonly reason?: string;
  /** Why nothing may be appended to the stream's log now: it would be taken for what is stored already. */
  readonly closed?: string;
}

/** The loader's name among the subscriptions of the log. */
export const LOADER_SUBSCRIPTION = "loader";

/** Called by the loader; all are optional. Must not throw. */
export interface LoadObserver {
  /** An insert ended: rows, bytes of lines, and how long it took in milliseconds. */
  inserted?(stream: string, rows: number, bytes: number, duration: number): void;
  duplicates?(stream: string, count: number): void;
  refused?(stream: string, count: number): void;
  /** Milliseconds from accept to queryable of `count` events. */
  fresh?(stream: string, freshness: number, count: number): void;
  retrying?(stream: string, reason: string, attempt: number): void;
}
