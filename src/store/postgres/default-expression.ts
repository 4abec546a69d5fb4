import type { Column } from "../../project/column.ts";
import { JsonCursor } from "./json-cursor.ts";
import { postgresType } from "./column-types.ts";
import { quoteText } from "./quote.ts";
import { scalarText } from "./scalar-text.ts";

/** The value of a column in rows from before it was there. */
export interface DefaultExpression {
  readonly sql: string;
  /** For people. */
  readonly text: string;
}

/** The SQL for a declared default, given as the JSON text of a line; undefined when there is none or it isn't one value. */
export function defaultExpression({ type }: Column, json: string | undefined): DefaultExpression | undefined {
  if (json === undefined || json === "null") return undefined;
  // Empty is what a list or map is without saying so.
  if (type.kind === "array" || type.kind === "map" || type.kind === "tuple") return undefined;
  return { sql: `${quoteText(scalarText(type, new JsonCursor(json)))}::${postgresType(type)}`, text: json };
}
