import type { Position } from "../log/log.ts";
import type { EventError } from "../project/event-validator.ts";
import type { Span } from "../store/store.ts";
import { LEDGER_INSERTS_MAX, REFUSED_REMEMBERED_MAX } from "./limits.ts";
import { has, spansOf, subtract, type Spans } from "./spans.ts";
import { unreachable } from "./unreachable.ts";

/** What the ledger of one partition of a stream says: the result of its entries, applied in order. */
export interface LedgerState {
  /** The store that all this is about. */
  readonly storeId: string;
  /** Everything before it is in the store. */
  readonly loaded: Position;
  /** The insert that has begun and isn't known to have ended. */
  readonly plan?: OpenPlan;
  /** The latest inserts, oldest first. */
  readonly inserts: readonly LedgerInsert[];
  /**
   * Rows of the stream's table, without those of an open plan: counted once and added up since, to find out at a start whether
   * some are missing. Absent until they are counted, and where rows go by themselves (ttl).
   */
  readonly rows?: number;
  /** Latest events that the store refused, oldest first: their ids aren't stored. */
  readonly refused: readonly RefusedPlace[];
  /** What was to be erased, oldest first, as long as the log may hold events of before: loading them again erases them again. */
  readonly erasures?: readonly Erasure[];
  /** A reset: nothing before it is to be loaded again. */
  readonly origin?: Position;
  /** A table that was made anew takes its place: events that it doesn't have and the old one had are to be kept as rejected. */
  readonly switching?: readonly Misfits[];
}

/** Events of one log, stored before, that the stream's new table doesn't take. */
export interface Misfits {
  readonly log: string;
  readonly spans: Spans;
  /** Those among them that the store refused, with why; the others don't fit the declaration. */
  readonly refused: readonly RefusedEvent[];
}

/** Rows of a stream and rejected events that are to go. */
export interface Erasure {
  readonly id: string;
  /** When it was asked for, milliseconds since 1970. */
  readonly at: number;
  /** The log's end at that time: what was accepted before is concerned, and so it is done when that is loaded. */
  readonly until: Position;
  /** Which rows: the store's SQL. */
  readonly where?: string;
  /** Which rejected events: those with this text. */
  readonly rejected?: string;
  /** Everything instead, and what isn't loaded yet won't be. */
  readonly reset?: true;
  readonly done: boolean;
}

/** The range of the log that an insert takes, and what was decided about it before. */
export interface OpenPlan extends Span {
  readonly log: string;
  /** Events whose ids are stored already. */
  readonly duplicates: Spans;
  /** Events that the store refused. */
  readonly refused: readonly RefusedEvent[];
}

export interface RefusedEvent {
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly acceptedAt: number;
  readonly reason: EventError;
  /** The event of the same plan that was a duplicate of this one, and now is the first with its id. */
  readonly heir?: number;
}

export interface RefusedPlace {
  readonly log: string;
  readonly offset: number;
  readonly acceptedAt: number;
  /** The event that has the id instead. */
  readonly heir?: number;
}

export interface LedgerInsert extends Span {
  readonly log: string;
  /** Rows of the range in the stream's table. */
  readonly stored: number;
}

/** One line of the ledger. */
export type LedgerEntry =
  /** Everything so far in one: the first line of a file. */
  | { readonly kind: "state"; readonly state: LedgerState }
  /** Before an insert. */
  | ({ readonly kind: "plan" } & Span & { readonly log: string; readonly duplicates: Spans })
  /** The store refused events of the open plan. */
  | { readonly kind: "refused"; readonly refused: readonly RefusedEvent[] }
  /** Before rows are erased. */
  | { readonly kind: "erase"; readonly erasure: Erasure }
  /** After. With `abandoned` it couldn't be done at all, and is forgotten. */
  | { readonly kind: "erased"; readonly id: string; readonly abandoned: boolean }
  /** So many rows are in the stream's table, while no plan is open. */
  | { readonly kind: "counted"; readonly rows: number }
  /** After the insert: the open plan is done, with so many rows in the stream's table. */
  | { readonly kind: "loaded"; readonly stored: number };

/** Throws a RangeError for an entry that can't follow. */
export function applyEntry(state: LedgerState | undefined, entry: LedgerEntry): LedgerState {
  if (entry.kind === "state") return entry.state;
  if (state === undefined) throw new RangeError("the ledger doesn't begin with its state");
  if (entry.kind === "plan") {
    const { log, from, to, duplicates } = entry;
    return { ...state, plan: { log, from, to, duplicates, refused: [] } };
  }
  if (entry.kind === "counted") return { ...state, rows: entry.rows };
  if (entry.kind === "erase") return { ...state, erasures: [...(state.erasures ?? []), entry.erasure] };
  if (entry.kind === "erased") return erased(state, entry.id, entry.abandoned);
  const { plan, ...rest } = state;
  if (plan === undefined) throw new RangeError(`the ledger has "${entry.kind}" without a plan`);
  switch (entry.kind) {
    case "refused":
      return { ...rest, plan: refuse(plan, entry.refused) };
    case "loaded": {
      const { log, from, to } = plan;
      return {
        ...rest,
        loaded: { log, offset: to },
        ...(rest.rows === undefined ? {} : { rows: rest.rows + entry.stored }),
        inserts: [...rest.inserts, { log, from, to, stored: entry.stored }].slice(-LEDGER_INSERTS_MAX),
        refused: [...rest.refused, ...placesOf(plan)].slice(-REFUSED_REMEMBERED_MAX),
      };
    }
    default:
      return unreachable(entry);
  }
}

/** What the table has now isn't what was inserted. */
export function withoutCounts(state: LedgerState): LedgerState {
  const { rows: _, ...rest } = state;
  return { ...rest, inserts: [] };
}

/** Rows of the latest inserts are gone, so nothing can be said by these any more. */
function erased(state: LedgerState, id: string, abandoned: boolean): LedgerState {
  const erasures = (state.erasures ?? [])
    .filter((erasure) => erasure.id !== id || !abandoned)
    .map((erasure) => (erasure.id === id ? { ...erasure, done: true } : erasure));
  return { ...withoutCounts(state), erasures };
}

/** The plan when these events of it turn out to be refused. */
export function refuse(plan: OpenPlan, refused: readonly RefusedEvent[]): OpenPlan {
  const known = new Set(plan.refused.map((event) => event.offset));
  const fresh = refused.filter((event) => !known.has(event.offset));
  const heirs = fresh.flatMap((event) => (event.heir === undefined ? [] : [event.heir]));
  const risen = spansOf(heirs.sort((a, b) => a - b).filter((offset) => has(plan.duplicates, offset)));
  return {
    ...plan,
    duplicates: subtract(plan.duplicates, risen),
    refused: [...plan.refused, ...fresh].sort((a, b) => a.offset - b.offset),
  };
}

function placesOf(plan: OpenPlan): RefusedPlace[] {
  return plan.refused.map(({ offset, acceptedAt, heir }) => ({
    log: plan.log,
    offset,
    acceptedAt,
    ...(heir === undefined ? {} : { heir }),
  }));
}
