import { sql, type Sql } from "../project/sql.ts";
import type { StoreCapabilities } from "./store.ts";

/** What our own questions to a store say differently in each dialect. */
export interface SqlWords {
  /** Milliseconds since 1970 of a time. */
  milliseconds(time: Sql): Sql;
  /** Seconds since 1970 of the minute that a time is in. */
  minute(time: Sql): Sql;
  /** The time of milliseconds since 1970. */
  time(milliseconds: number): Sql;
  text(value: Sql): Sql;
  /** Bytes of a text. */
  bytes(text: Sql): Sql;
  /** 64 bits that stand for a text. */
  hash(text: Sql): Sql;
  isOneOf(value: Sql, list: readonly string[] | readonly number[]): Sql;
  isNoneOf(value: Sql, select: Sql): Sql;
  /** Rows of two texts, named `name` and as said. */
  pairs(second: string, rows: readonly (readonly [string, string])[]): Sql;
}

export function sqlWords({ dialect }: Pick<StoreCapabilities, "dialect">): SqlWords {
  return WORDS[dialect];
}

const CLICKHOUSE: SqlWords = {
  milliseconds: (time) => sql`toUnixTimestamp64Milli(${time})`,
  minute: (time) => sql`toUnixTimestamp(toStartOfMinute(${time}))`,
  time: (milliseconds) => sql`fromUnixTimestamp64Milli(${milliseconds}, 'UTC')`,
  text: (value) => sql`toString(${value})`,
  bytes: (text) => sql`length(${text})`,
  hash: (text) => sql`sipHash64(${text})`,
  isOneOf: (value, list) => sql`${value} IN ${list}`,
  isNoneOf: (value, select) => sql`${value} NOT IN (${select})`,
  pairs: (second, rows) => sql`
    SELECT tupleElement(one, 1) AS name, tupleElement(one, 2) AS ${sql.identifier(second)}
    FROM (SELECT arrayJoin(arrayZip(${firsts(rows)}, ${seconds(rows)})) AS one)`,
};

const POSTGRES: SqlWords = {
  milliseconds: (time) => sql`(extract(epoch FROM ${time}) * 1000)::bigint`,
  minute: (time) => sql`extract(epoch FROM date_trunc('minute', ${time}))::bigint`,
  time: (milliseconds) => sql`${new Date(milliseconds)}`,
  text: (value) => sql`(${value})::text`,
  bytes: (text) => sql`octet_length(${text})`,
  hash: (text) => sql`hashtextextended(${text}, 0)`,
  isOneOf: (value, list) => sql`${value} = ANY (${list})`,
  // An array is looked up by hash, however many there are; NOT IN a subquery only while they fit in work_mem.
  isNoneOf: (value, select) => sql`${value} <> ALL (ARRAY(${select}))`,
  pairs: (second, rows) => sql`
    SELECT name, ${sql.identifier(second)}
    FROM unnest(${firsts(rows)}, ${seconds(rows)}) AS one (name, ${sql.identifier(second)})`,
};

const WORDS = { clickhouse: CLICKHOUSE, postgres: POSTGRES };

function firsts(rows: readonly (readonly [string, string])[]): Sql {
  return sql.param(
    rows.map(([first]) => first),
    "Array(String)",
  );
}

function seconds(rows: readonly (readonly [string, string])[]): Sql {
  return sql.param(
    rows.map(([, second]) => second),
    "Array(String)",
  );
}
