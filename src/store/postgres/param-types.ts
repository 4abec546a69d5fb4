import { HeadraceError } from "../../errors.ts";
import type { BoundText } from "../../project/sql.ts";
import { SECOND_DIGITS_MAX } from "./column-types.ts";

const INT32_MAX = 2 ** 31 - 1;

/** Names of ClickHouse's types, in which the `sql` tag says what it binds. */
const NAMES: Readonly<Record<string, string>> = {
  Bool: "boolean",
  Int8: "smallint",
  Int16: "smallint",
  Int32: "integer",
  Int64: "bigint",
  UInt8: "smallint",
  UInt16: "integer",
  UInt32: "bigint",
  UInt64: "numeric",
  Int128: "numeric",
  Int256: "numeric",
  UInt128: "numeric",
  UInt256: "numeric",
  Float32: "real",
  Float64: "double precision",
  Date: "date",
  Date32: "date",
  DateTime: "timestamptz",
  DateTime64: "timestamptz",
  UUID: "uuid",
  IPv4: "inet",
  IPv6: "inet",
};

/** Types of PostgreSQL as `sql.param(value, "…")` may name them: nothing else stands in the text behind the `::`. */
const OWN =
  /^(?:[a-z_][a-z0-9_]*|double precision|character varying|time(?:stamp)? with(?:out)? time zone)(?:\(\d{1,4}(?:, ?\d{1,4})?\))?(?:\[\])*$/;

/**
 * The type that a value is cast to; undefined when the place where it stands says it, as with a literal in quotes:
 * a text may stand beside a date as well.
 */
export function paramType(type: string, value: BoundText): string | undefined {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(type)?.[1];
  if (inner !== undefined) return paramType(inner, value);
  const element = /^Array\((.*)\)$/s.exec(type)?.[1];
  if (element !== undefined) return arrayType(element, value);
  if (type === "String" || type === "Nothing" || type === "") return undefined;
  // As a literal would be: many functions take an integer and no bigint.
  if (type === "Int64" && typeof value === "string" && isInt32(value)) return "integer";
  const decimal = /^Decimal\((\d+), ?(\d+)\)$/.exec(type);
  if (decimal !== null) return `numeric(${decimal[1]}, ${decimal[2]})`;
  const digits = /^DateTime64\((\d)/.exec(type)?.[1];
  if (digits !== undefined) return `timestamptz(${Math.min(Number(digits), SECOND_DIGITS_MAX)})`;
  const known = NAMES[type.replace(/\(.*\)$/s, "")];
  if (known !== undefined) return known;
  if (OWN.test(type)) return type;
  throw new HeadraceError("query_failed", `PostgreSQL has no type ${type.slice(0, 80)} for a parameter`);
}

function arrayType(element: string, value: BoundText): string | undefined {
  // Of an array without items the place says the type.
  if (Array.isArray(value) && value.length === 0) return undefined;
  if (element.startsWith("Array(")) return arrayType(element.slice(6, -1), [""]);
  const bare = /^Nullable\((.*)\)$/s.exec(element)?.[1] ?? element;
  return `${bare === "String" || bare === "Nothing" ? "text" : (paramType(bare, null) ?? "text")}[]`;
}

function isInt32(text: string): boolean {
  const value = Number(text);
  return Number.isInteger(value) && Math.abs(value) <= INT32_MAX;
}
