import { clickhouseDialect } from "../../project/clickhouse-dialect.ts";
import type { StandInTable } from "../../store/store.ts";

/** The parameters that views bring along begin so; no parameter of a request may. */
export const VIEW_PARAMETER = "headrace_";

/** The parameter that holds the name of the database that a request is about. */
export const DATABASE_PARAMETER = `${VIEW_PARAMETER}database`;

/** A column of a view: the type of its value in each row, or an SQL expression that is the same for all. */
export type ViewColumn =
  readonly [name: string, type: string] | readonly [name: string, { readonly is: string }];

/** A row's values, in the order of the columns that have one. */
export type ViewRow = readonly (string | number | null | readonly string[])[];

/**
 * Rows of ours as a SELECT. They are in one parameter, as JSON, so that the SQL is short however many they are, and no
 * value is ever part of it. `database` is bound too.
 */
export function viewOf(
  name: string,
  columns: readonly ViewColumn[],
  rows: readonly ViewRow[],
  database: string,
): StandInTable {
  const parameter = `${VIEW_PARAMETER}${name}`;
  const types: string[] = [];
  const names = columns.map(([column]) => column);
  const list = columns.map(([column, what]) => {
    const quoted = clickhouseDialect.identifier(column);
    if (typeof what !== "string") return `${what.is} AS ${quoted}`;
    types.push(what);
    return `tupleElement(row, ${types.length}) AS ${quoted}`;
  });
  const databaseParam = { [DATABASE_PARAMETER]: { type: "String", value: database } };
  // Nothing differs from row to row, so there is one.
  if (types.length === 0) return { text: `SELECT ${list.join(", ")}`, params: databaseParam, columns: names };
  const json = `JSONExtract({${parameter}:String}, 'Array(Tuple(${types.join(", ")}))')`;
  return {
    text: `SELECT ${list.join(", ")} FROM (SELECT arrayJoin(${json}) AS row)`,
    params: {
      [parameter]: { type: "String", value: JSON.stringify(rows) },
      ...databaseParam,
    },
    columns: names,
  };
}

/** The database as an expression. */
export const DATABASE = { is: `{${DATABASE_PARAMETER}:String}` } as const;
export const NO_TEXT = { is: "''" } as const;
export const NO_NUMBER = { is: "CAST(NULL, 'Nullable(UInt64)')" } as const;
export const NO_LIST = { is: "CAST([], 'Array(String)')" } as const;
export const ZERO = { is: "toUInt8(0)" } as const;
