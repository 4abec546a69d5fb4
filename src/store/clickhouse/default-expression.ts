import type { Column } from "../../project/column.ts";
import { clickhouseType } from "./column-types.ts";
import { quoteText } from "./quote.ts";

/** The value of a column in rows from before it was there. */
export interface DefaultExpression {
  readonly sql: string;
  /** For people. */
  readonly text: string;
}

/** The SQL for a declared default, given as the JSON text of a line; undefined when there is none or it isn't one value. */
export function defaultExpression(column: Column, json: string | undefined): DefaultExpression | undefined {
  const { kind } = column.type;
  if (json === undefined || kind === "tuple") return undefined;
  // Empty is what a list or map is without saying so.
  if (kind === "array" || kind === "map") return undefined;
  const text = json.startsWith('"') ? String(JSON.parse(json)) : json;
  const value =
    column.type.kind === "datetime" && column.native === undefined
      ? `parseDateTime64BestEffort(${quoteText(text)}, ${column.type.precision}, 'UTC')`
      : quoteText(text);
  return { sql: `CAST(${value} AS ${clickhouseType(column)})`, text: json };
}
