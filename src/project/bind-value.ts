import { HeadraceError } from "../errors.ts";
import type { BoundText, BoundValue } from "./sql.ts";

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** The type and text of a value as a bound parameter. `where` names the place for messages. Throws `query_failed`. */
export function bindValue(value: unknown, where: string): BoundValue {
  if (typeof value === "string") return { type: "String", value };
  if (typeof value === "number") {
    return { type: Number.isSafeInteger(value) ? "Int64" : "Float64", value: numberText(value) };
  }
  if (typeof value === "boolean") return { type: "Bool", value: String(value) };
  if (typeof value === "bigint") return { type: bigintType(value, where), value: String(value) };
  if (value === null) return { type: "Nullable(Nothing)", value: null };
  if (value instanceof Date) return bindDate(value, where);
  if (Array.isArray(value)) return bindArray(value, where);
  throw refusal(value, where);
}

/** A type in PostgreSQL's words: small letters, perhaps with sizes and as an array. */
const POSTGRES_TYPE =
  /^(?:[a-z_][a-z0-9_]*|double precision|character varying|time(?:stamp)? with(?:out)? time zone)(?:\(\d{1,4}(?:, ?\d{1,4})?\))?(?:\[\])*$/;

/** Throws `query_failed` unless the text can only be a type: it stands in the SQL text, so nothing else may. */
export function checkParamType(type: string): void {
  const plain = /^[A-Z][A-Za-z0-9]*(?:\((?:[\w ,()=-]|'[^'\\{}]*')*\))?$/.test(type);
  if (!plain && !POSTGRES_TYPE.test(type)) {
    throw new HeadraceError("query_failed", `sql.param() takes a type such as "Date", got ${type}`);
  }
}

function bindArray(values: readonly unknown[], where: string): BoundValue {
  const items = values.map((value, index) => bindValue(value, `item ${index} of ${where}`));
  return { type: `Array(${itemType(items, where)})`, value: items.map((item): BoundText => item.value) };
}

function itemType(items: readonly BoundValue[], where: string): string {
  const withNull = items.some((item) => item.value === null);
  const types = commonTypes(items.filter((item) => item.value !== null));
  if (types.length > 1) {
    throw new HeadraceError(
      "query_failed",
      `The items of ${where} are of different types (${types.join(", ")}); an array binds with one type`,
    );
  }
  // Without values any type does: Nothing compares with everything.
  const [type = "Nothing"] = types;
  if (withNull && type.startsWith("Array(")) {
    throw new HeadraceError("query_failed", `${where} has null beside an array, which no type holds`);
  }
  return withNull ? `Nullable(${type})` : type;
}

/** The types of the items, without those that another one takes in. */
function commonTypes(items: readonly BoundValue[]): string[] {
  const types = new Set(items.map((item) => item.type));
  // A list of numbers may hold whole ones and others.
  if (types.has("Float64")) types.delete("Int64");
  const negative = items.some((item) => item.type === "Int64" && String(item.value).startsWith("-"));
  if (types.has("UInt64") && !negative) types.delete("Int64");
  // An empty array is an array of anything.
  if ([...types].some((type) => type.startsWith("Array(") && type !== EMPTY)) types.delete(EMPTY);
  return [...types];
}

const EMPTY = "Array(Nothing)";

function numberText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return String(value);
}

function bigintType(value: bigint, where: string): string {
  if (value >= INT64_MIN && value <= INT64_MAX) return "Int64";
  if (value > 0n && value <= UINT64_MAX) return "UInt64";
  throw new HeadraceError(
    "query_failed",
    `${where} is ${value}, which 64 bits can't hold; use sql.param(String(value), "Int256")`,
  );
}

function bindDate(value: Date, where: string): BoundValue {
  if (Number.isNaN(value.getTime())) throw new HeadraceError("query_failed", `${where} is an invalid Date`);
  // The engine reads "2001-01-02 03:04:05.123" in the type's time zone, and refuses a "Z".
  const text = value.toISOString().replace("T", " ").replace("Z", "");
  return { type: "DateTime64(3, 'UTC')", value: text };
}

function refusal(value: unknown, where: string): HeadraceError {
  if (value === undefined) {
    return new HeadraceError(
      "query_failed",
      `${where} is undefined; leave the condition out when there is no value: \${x ? sql\`AND a = \${x}\` : sql\`\`}`,
    );
  }
  const what = typeof value === "object" ? "an object" : `a ${typeof value}`;
  return new HeadraceError(
    "query_failed",
    `${where} is ${what}; what binds is a string, number, bigint, boolean, Date, null or an array of these`,
  );
}
