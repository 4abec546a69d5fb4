import { HeadraceError } from "../errors.ts";
import type { Stream } from "./declarations.ts";
import { isStream } from "./brands.ts";
import { bindValue, checkParamType } from "./bind-value.ts";

/** SQL text with its bound parameters, ready for a store: `{p1:String}` in `text` stands for `params.p1`. */
export interface BoundSql {
  readonly text: string;
  readonly params: Readonly<Record<string, BoundValue>>;
}

/** A parameter's value in text form, as the engine reads it, and its type in the store's words. */
export interface BoundValue {
  readonly type: string;
  /** Shape: a string, or nested arrays of strings; null for NULL. Never spliced into SQL text. */
  readonly value: BoundText;
  /** The text is written as a field of a tab-separated file already, as ClickHouse's clients send parameters. Default false. */
  readonly escaped?: boolean;
}
export type BoundText = string | null | readonly BoundText[];

/** A piece of SQL made by the `sql` tag. Only the tag makes one, so that no value from outside can pass for SQL. */
export interface Sql {
  readonly kind: "sql";
  readonly parts: readonly SqlPart[];
}

export type SqlPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "stream"; readonly name: string }
  | { readonly kind: "identifier"; readonly name: string }
  | { readonly kind: "value"; readonly bound: BoundValue };

/** What binds as a parameter. */
export type SqlValue = string | number | bigint | boolean | Date | null | readonly SqlValue[];

/** What may stand in `${}` of the `sql` tag. */
export type SqlInput = SqlValue | Sql | Stream;

interface SqlTag {
  /**
   * SQL as a template: a stream becomes its quoted table name, a nested `sql` is spliced, anything else is bound as a
   * parameter and never becomes SQL text. String → String, safe integer → Int64, other number → Float64, bigint →
   * Int64 or UInt64, boolean → Bool, Date → DateTime64(3, 'UTC'), array → Array. Throws `query_failed` for undefined,
   * objects and mixed arrays.
   */
  (strings: TemplateStringsArray, ...inputs: readonly SqlInput[]): Sql;

  /** A quoted name of a column or table, when the name itself is chosen at run time. */
  identifier(name: string): Sql;

  /** A value bound with a type of the engine's own, such as `sql.param("2001-01-01", "Date")`. */
  param(value: SqlValue, type: string): Sql;
}

export const sql: SqlTag = Object.assign(tag, { identifier, param });

/** The names of the streams that the SQL reads, each once. */
export function streamsOf(query: Sql): string[] {
  const names = query.parts.flatMap((part) => (part.kind === "stream" ? [part.name] : []));
  return [...new Set(names)];
}

/** Whether the value was made by the `sql` tag. A symbol can't come from JSON, so a request can't forge one. */
export function isSql(value: unknown): value is Sql {
  return typeof value === "object" && value !== null && MARK in value;
}

// Symbol.for, so that SQL made by another copy of this package is known too.
const MARK = Symbol.for("headrace.sql");

function tag(strings: TemplateStringsArray, ...inputs: readonly SqlInput[]): Sql {
  // Only a template has `raw`: a text that was built from values must not pass for SQL.
  if (!Array.isArray(strings) || !("raw" in strings)) {
    throw new HeadraceError("query_failed", "sql is a template tag: write sql`SELECT …`, not sql(…)");
  }
  const parts: SqlPart[] = [];
  strings.forEach((text, index) => {
    if (text !== "") parts.push({ kind: "text", text });
    if (index < inputs.length) parts.push(...partsOf(inputs[index], index, text));
  });
  return make(parts);
}

function partsOf(input: unknown, index: number, before: string): readonly SqlPart[] {
  if (isSql(input)) return input.parts;
  if (isStream(input)) return [{ kind: "stream", name: input.name }];
  const where = `\${${index + 1}} in sql\`…${before.trim().slice(-30)}\``;
  return [{ kind: "value", bound: bindValue(input, where) }];
}

function identifier(name: string): Sql {
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new HeadraceError("query_failed", "sql.identifier() takes a name that isn't empty");
  }
  return make([{ kind: "identifier", name }]);
}

function param(value: SqlValue, type: string): Sql {
  checkParamType(type);
  const bound = bindValue(value, `the value of sql.param(…, "${type}")`);
  // NULL fits no plain type.
  const nullable = bound.value === null && !type.startsWith("Nullable(");
  return make([
    { kind: "value", bound: { type: nullable ? `Nullable(${type})` : type, value: bound.value } },
  ]);
}

function make(parts: readonly SqlPart[]): Sql {
  return Object.freeze({ kind: "sql", parts, [MARK]: true });
}
