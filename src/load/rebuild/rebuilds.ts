import type { HeadraceError } from "../../errors.ts";

/** Makes streams' tables anew while everything else goes on. One rebuild of a stream at a time; hold its lock meanwhile. */
export interface Rebuilds {
  /** What a rebuild would do now. Changes nothing. */
  plan(stream: string): Promise<RebuildPlan>;

  /**
   * Begins a rebuild once nothing is being erased: resolves when it is checked and runs, or when there was nothing to run.
   * @throws HeadraceError `rebuild_refused`, with nothing changed; `overloaded` when the loader doesn't come to it in time.
   */
  begin(stream: string, options: { readonly allowPartial: boolean }): Promise<BegunRebuild>;

  /** Stops the one that runs, unless its table is taking its place already. Gives the latest since the start of the process. */
  cancel(stream: string): Promise<RebuildStatus | undefined>;

  /** The latest since the start of the process. */
  status(stream: string): RebuildStatus | undefined;
}

export interface BegunRebuild {
  readonly status: RebuildStatus;
  /** Resolves when it has ended, however that was. */
  readonly ended: Promise<RebuildStatus>;
}

export interface RebuildStatus {
  readonly id: string;
  readonly state: "running" | "done" | "failed" | "cancelled";
  /** Milliseconds since 1970; the same for `endedAt`. */
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Offsets of the log that are done, of how many; the latter grows with the log. */
  readonly done: number;
  readonly of: number;
  /** When it is done. */
  readonly outcome?: RebuildOutcome;
  /** When it has failed. */
  readonly error?: HeadraceError;
}

export interface RebuildOutcome {
  /** Rows that were made anew from the log. */
  readonly fromLog: number;
  /** Rows that the log doesn't hold any more, copied from the old table. */
  readonly copied: number;
  /** Events that don't fit the declaration; they are kept as rejected. */
  readonly rejected: number;
  /** Rows that the log doesn't hold any more and that are gone; of a store that isn't the one that was loaded: events, at most. */
  readonly lost: number;
  /** The store isn't the one that was loaded: so many events of the log are looked at again, and what the store lacks is loaded. */
  readonly toLoad: number;
}

export interface RebuildPlan extends Omit<RebuildOutcome, "rejected"> {
  /** Rows of the table now. */
  readonly rows: number;
  /** Why it would be refused without `allowPartial`. */
  readonly refused?: string;
}
