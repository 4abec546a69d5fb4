import type { BoundSql, BoundText } from "../../project/sql.ts";
import { quoteText } from "./quote.ts";
import { parseType } from "./type-tree.ts";

/**
 * The parameters as assignments for a SET statement, such as `param_p1='JFK'`. The engine reads the text as a field of
 * a tab-separated file, so a plain value is escaped for that; an array has quotes of its own there. What comes out is
 * then escaped as a string literal.
 */
export function paramAssignments(params: BoundSql["params"]): string[] {
  return paramFields(params).map(([name, text]) => `${name}=${quoteText(text)}`);
}

/** The parameters as HTTP takes them: names such as `param_p1`, and the text of a field of a tab-separated file. */
export function paramFields(params: BoundSql["params"]): [name: string, text: string][] {
  return Object.entries(params).map(([name, { type, value, escaped }]) => {
    const isField = escaped === true && typeof value === "string";
    return [`param_${name}`, isField ? value : fieldText(value, type)];
  });
}

function fieldText(value: BoundText, type: string): string {
  if (value === null) return "\\N";
  return typeof value === "string" ? escapeField(value) : arrayText(value, hasBareItems(type));
}

function escapeField(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("\t", "\\t")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\0", "\\0");
}

/** Items that the engine takes only without quotes: numbers and booleans. */
function hasBareItems(type: string): boolean {
  let tree = parseType(type);
  while (tree.inner[0] !== undefined) tree = tree.inner[0];
  return /^(U?Int\d|B?Float|Decimal|Bool)/.test(tree.name);
}

/** Such as ['a',NULL] or [1,2]. */
function arrayText(values: readonly BoundText[], bare: boolean): string {
  return `[${values.map((value) => itemText(value, bare)).join(",")}]`;
}

function itemText(value: BoundText, bare: boolean): string {
  if (value === null) return "NULL";
  if (typeof value !== "string") return arrayText(value, bare);
  // Anything but a plain word is quoted all the same, and refused by the engine.
  return bare && /^[-+.\w]+$/.test(value) ? value : quoteText(value);
}
