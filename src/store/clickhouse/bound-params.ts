import type { BoundSql, BoundText } from "../../project/sql.ts";
import { quoteText } from "./quote.ts";

/**
 * The parameters as assignments for a SET statement, such as `param_p1='JFK'`. The engine reads the text as a field of
 * a tab-separated file, so a plain value is escaped for that; an array has quotes of its own there. What comes out is
 * then escaped as a string literal.
 */
export function paramAssignments(params: BoundSql["params"]): string[] {
  return Object.entries(params).map(([name, { value }]) => {
    return `param_${name}=${quoteText(fieldText(value))}`;
  });
}

function fieldText(value: BoundText): string {
  if (value === null) return "\\N";
  return typeof value === "string" ? escapeField(value) : arrayText(value);
}

function escapeField(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("\t", "\\t")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\0", "\\0");
}

/** An array's text, such as ['a',NULL]: items of any type may be quoted. */
function arrayText(values: readonly BoundText[]): string {
  return `[${values.map(itemText).join(",")}]`;
}

function itemText(value: BoundText): string {
  if (value === null) return "NULL";
  return typeof value === "string" ? quoteText(value) : arrayText(value);
}
