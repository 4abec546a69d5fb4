import { KIB, MIB, MINUTE, SECOND } from "../units.ts";

/** What the loader may hold and how it waits. Every field has its default in `LOAD_LIMITS`. */
export interface LoadLimits {
  /** Events at which a batch is inserted without waiting longer. */
  readonly rows: number;
  /** Bytes of events at which a batch is inserted without waiting longer. Twice as much is held in memory per stream: what is inserted, and what comes next. */
  readonly bytes: number;
  /** Rows that are handed to the store at once: what the engine makes one part of. */
  readonly insertRows: number;
  /** Longest wait before the first retry, in milliseconds; it doubles with each that follows. */
  readonly retryFirst: number;
  /** Longest wait before any retry, in milliseconds. */
  readonly retryMax: number;
  /** Ids of one stream that are held in memory; past it each id is looked up in the store. About 5 to 11 bytes an id. */
  readonly ids: number;
}

export const LOAD_LIMITS: LoadLimits = {
  rows: 250_000,
  bytes: 16 * MIB,
  insertRows: 1_000_000,
  retryFirst: 0.1 * SECOND,
  retryMax: 15 * SECOND,
  ids: 20_000_000,
};

/** A batch is flushed when this part of its stream's freshness is over: the rest is for the insert. */
export const FRESHNESS_SHARE = 0.5;
/** While a batch gathers, what is new is read this often, in milliseconds, so that the last read is a small one. */
export const GATHER_INTERVAL = 20;
/** How often it is looked whether everything is loaded, in milliseconds. */
export const SETTLED_INTERVAL = 10;
/** Bytes read from the log at once, so that checking them doesn't hold up the event loop. */
export const READ_BYTES = 4 * MIB;
/** Rows worked through between two looks at the event loop: about 5 ms. */
export const ROWS_PER_TURN = 10_000;
/** Ids in one question to the store. */
export const IDS_PER_QUESTION = 10_000;
/** How often the store is told which ids it may forget, in milliseconds. */
export const FORGET_IDS_INTERVAL = 10 * MINUTE;
/** Runs of duplicate or refused offsets that are remembered for `stored`; older batches get no counts. */
export const OUTCOME_SPANS_MAX = 100_000;
/** Refused events of a stream with ids that the ledger remembers: an id that was refused isn't stored. */
export const REFUSED_REMEMBERED_MAX = 1_000;
/** Bytes at which the ledger's file is written anew with what still counts. */
export const LEDGER_BYTES_MAX = MIB;
/** Bytes of conditions that the ledger remembers; past it no more is erased until the log has dropped what the oldest are about. */
export const ERASURES_BYTES_MAX = 256 * KIB;
/** Requests to erase that wait at once, for each partition of a stream. */
export const ERASE_REQUESTS_MAX = 16;
/** Runs of events that don't fit a rebuilt table and are remembered in the ledger: about 30 bytes each. */
export const REBUILD_MISFIT_RUNS_MAX = 2_000_000;
/** Events that a rebuild may be behind the loader when it asks it to wait: about half a second's work. */
export const REBUILD_BEHIND_MAX = 100_000;
/** How often a rebuild catches up with the loader before it asks it to wait all the same. */
export const REBUILD_ROUNDS_MAX = 20;
/** How long a request to rebuild waits for the loader, in milliseconds. */
export const REBUILD_TURN_TIMEOUT = 30 * SECOND;
/** How often putting a new table in place is tried before the rebuild is given up. */
export const SWITCH_ATTEMPTS_MAX = 5;
/** The latest inserts that the ledger remembers, to check at start that the store still has them. */
export const LEDGER_INSERTS_MAX = 16;
/** For events that were within ingest's limits when they came: only the declaration counts now. */
export const NO_EVENT_LIMITS = { eventBytesMax: Infinity, nestingMax: 512 } as const;
