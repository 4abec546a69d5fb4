import type { HeadraceError } from "../errors.ts";
import type { LogBatch } from "../log/log.ts";
import type { Gathered } from "./read-ahead.ts";

/**
 * What the loader of one partition is doing:
 * reconciling → gathering → planning → inserting → committing → gathering → …
 * A failure leads to retrying and from there back to the state that failed, or to halted when no retry can help.
 */
export type LoadState =
  | ActiveState
  | RetryingState
  | { readonly kind: "halted"; readonly error: HeadraceError }
  | { readonly kind: "stopped" };

export type ActiveState =
  | { readonly kind: "reconciling" }
  | { readonly kind: "gathering" }
  /** There is something to erase. No plan is open. */
  | { readonly kind: "erasing" }
  /** Somebody else works on the stream's tables. No plan is open, and nothing is being erased. */
  | { readonly kind: "yielding" }
  | ({ readonly kind: "planning" } & Gathered)
  | InsertingState
  /** The store has every row of the plan. */
  | { readonly kind: "committing"; readonly batches: readonly LogBatch[] };

/** The ledger has the plan of these batches. */
export interface InsertingState extends Gathered {
  readonly kind: "inserting";
  /** An insert of these may have been tried before. */
  readonly askFirst: boolean;
}

export interface RetryingState {
  readonly kind: "retrying";
  readonly failed: ActiveState;
  readonly error: HeadraceError;
  /** The first is 1. */
  readonly attempt: number;
}
