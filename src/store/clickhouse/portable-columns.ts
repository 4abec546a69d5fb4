import type { BoundSql } from "../../project/sql.ts";
import type { ResultColumn } from "../store.ts";
import { quoteName } from "./quote.ts";

/**
 * What stands in a type and means something: quoted names and values, which aren't types, and the leaf types below with
 * their arguments. A leaf's name before a space and another name is an element's name: Tuple(Time String).
 */
const TOKEN =
  /`(?:[^`\\]|\\.|``)*`|'(?:[^'\\]|\\.|'')*'|\b(DateTime|Enum8|Enum16|IPv4|IPv6|U?Int(?:128|256)|Time|Time64|BFloat16|Nothing)\b(?!\s+[A-Za-z`])(?:\((?:[^()']|'(?:[^'\\]|\\.|'')*')*\))?/g;

/**
 * The same query with columns that Parquet and Arrow readers understand without knowing ClickHouse. As the engine writes
 * them, an Arrow datetime is a bare number, an enum its number, an address raw bytes, and a NULL without a type an error.
 * The text stays the same unless one of its columns needs it.
 */
export function portableSql(sql: BoundSql, columns: readonly ResultColumn[]): BoundSql {
  const casts = columns.flatMap(({ name, type }) => {
    const portable = portableType(type);
    return portable === type ? [] : [`CAST(${quoteName(name)} AS ${portable}) AS ${quoteName(name)}`];
  });
  if (casts.length === 0) return sql;
  return { text: `SELECT * REPLACE (${casts.join(", ")}) FROM (\n${sql.text}\n)`, params: sql.params };
}

/** The type with its leaves exchanged where they need it, however deep they stand. */
export function portableType(type: string): string {
  return type.replaceAll(TOKEN, (token, leaf?: string) => (leaf === undefined ? token : portableLeaf(leaf)));
}

function portableLeaf(leaf: string): string {
  switch (leaf) {
    case "DateTime":
      return "DateTime64(0, 'UTC')";
    case "BFloat16":
      return "Float32";
    // As in JSON: names of enums, addresses as people write them, digits of integers that no reader has a type for.
    default:
      return "String";
  }
}
