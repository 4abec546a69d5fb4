import { HeadraceError } from "../errors.ts";
import { sql, type Sql } from "../project/sql.ts";
import type { SqlWords } from "../store/sql-words.ts";
import { acceptedAt, idExpression, offset } from "./rejected-rows.ts";

/** Ids of one request. */
export const REPLAY_IDS_MAX = 1_000;

/** Which rejected events are to be replayed: those that fulfil all of these. */
export interface RejectedSelection {
  readonly ids?: readonly string[];
  /** Those whose first reason has this code. */
  readonly code?: string;
  /** Those that were accepted before this time: milliseconds since 1970. */
  readonly before?: number;
}

/**
 * The condition of a selection. Throws `bad_parameter` for an id that isn't one.
 */
export function selectionCondition(words: SqlWords, { ids, code, before }: RejectedSelection): Sql {
  return sql`1 = 1
    ${ids === undefined ? sql`` : idsCondition(words, ids)}
    ${code === undefined ? sql`` : sql`AND code = ${code}`}
    ${before === undefined ? sql`` : sql`AND ${acceptedAt} < ${words.time(before)}`}`;
}

function idsCondition(words: SqlWords, ids: readonly string[]): Sql {
  const offsets = ids.map((id) => placeOf(id).offset);
  // By the offset first, which has an index.
  return sql`AND ${words.isOneOf(offset, offsets)} AND ${words.isOneOf(idExpression(words), ids)}`;
}

function placeOf(id: string): { readonly offset: number } {
  const digits = /^.{1,100}-\d{1,5}-(\d{1,16})$/s.exec(id)?.[1];
  if (digits !== undefined && Number.isSafeInteger(Number(digits))) return { offset: Number(digits) };
  throw new HeadraceError("bad_parameter", `"${id.slice(0, 50)}" isn't the id of a rejected event`, {
    details: { parameter: "ids" },
  });
}
