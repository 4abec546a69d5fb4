import { HeadraceError } from "../errors.ts";
import type { EventError } from "../project/event-validator.ts";
import type { Store } from "../store/store.ts";
import { eventText } from "./page-text.ts";
import { decodeCursor, encodeCursor } from "./rejected-cursor.ts";
import type { RefusedBy } from "./rejected-event.ts";
import { placeOf, readPage } from "./rejected-pages.ts";
import { rejectedId, type RejectedRow } from "./rejected-rows.ts";
import type { RejectedSelection } from "./rejected-selection.ts";

/** Rejected events of one page when nothing else is asked for, and at most. */
export const REJECTED_PAGE_DEFAULT = 50;
export const REJECTED_PAGE_MAX = 1_000;

export interface ListRejectedOptions extends Omit<RejectedSelection, "ids"> {
  readonly stream: string;
  /** 1 to 1000; default 50. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

export interface RejectedPage {
  readonly data: readonly ListedRejection[];
  /** For the next, older page; null when this is the last. */
  readonly next: string | null;
}

export interface ListedRejection {
  /** Unique over all streams: `<log>-<partition>-<offset>`. */
  readonly id: string;
  /** When it was accepted, ISO 8601 in UTC. */
  readonly time: string;
  /**
   * JSON text, to be written as it is (`pageText`): the event itself when it is JSON, else a string that holds its text,
   * or in base64 its bytes when they aren't UTF-8.
   */
  readonly event: string;
  readonly reasons: readonly EventError[];
  readonly refused_by: RefusedBy;
}

/**
 * A page of a stream's rejected events, newest first; a shorter one when they are large. Throws `bad_parameter` for a limit
 * or cursor that isn't one.
 */
export async function listRejected(store: Store, options: ListRejectedOptions): Promise<RejectedPage> {
  const { stream, limit: asked, cursor, signal, ...selection } = options;
  const limit = checkLimit(asked ?? REJECTED_PAGE_DEFAULT);
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  // One more than is shown, to know whether there is a next page.
  const wanted = { stream, selection, order: "newest first", after, count: limit + 1 } as const;
  const { rows, count } = await readPage(store, wanted, signal);
  const page = rows.slice(0, Math.max(1, count - 1));
  const last = page.at(-1);
  return {
    data: page.map(listed),
    next: rows.length === count && last !== undefined ? encodeCursor(placeOf(last)) : null,
  };
}

function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= REJECTED_PAGE_MAX) return limit;
  throw new HeadraceError("bad_parameter", `limit must be a whole number from 1 to ${REJECTED_PAGE_MAX}`, {
    details: { parameter: "limit" },
  });
}

function listed(row: RejectedRow): ListedRejection {
  return {
    id: rejectedId(row),
    time: new Date(Number(row.time)).toISOString(),
    event: row.encoding === "utf8" ? eventText(row.event) : JSON.stringify(row.event),
    reasons: JSON.parse(row.errors) as readonly EventError[],
    refused_by: row.refused_by,
  };
}
