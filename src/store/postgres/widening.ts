import type { ColumnType } from "../../project/column.ts";
import { postgresType, spelledType, UINT64_TYPE } from "./column-types.ts";

/** A column of a table: its values' type, as far as PostgreSQL can tell it, and whether null may be there. */
export interface StoredType {
  /** As format_type spells it. */
  readonly text: string;
  readonly nullable: boolean;
  /** What a jsonb holds, as it was declared. */
  readonly nested?: ColumnType;
}

export function storedType(type: ColumnType, nullable: boolean): StoredType {
  const text = postgresType(type);
  return text === "jsonb" ? { text, nullable, nested: type } : { text, nullable };
}

/** For people: "integer NOT NULL". */
export function storedText({ text, nullable, nested }: StoredType): string {
  return nested === undefined ? `${text}${nullable ? "" : " NOT NULL"}` : spelledType(nested, nullable);
}

/**
 * Whether every value of one type is, exactly, a value of the other too, and is the same thing in JSON (a text, a number…):
 * then a column can follow.
 */
export function widens(from: StoredType, to: StoredType): boolean {
  if (from.nullable && !to.nullable) return false;
  if (from.nested !== undefined && to.nested !== undefined) return nestedWidens(from.nested, to.nested);
  if (from.nested !== undefined || to.nested !== undefined) return false;
  return scalarWidens(from.text, to.text);
}

function nestedWidens(from: ColumnType, to: ColumnType): boolean {
  if (from.kind === "array" && to.kind === "array") {
    return (to.nullable || !from.nullable) && nestedWidens(from.element, to.element);
  }
  if (from.kind === "map" && to.kind === "map") {
    return (to.nullable || !from.nullable) && nestedWidens(from.value, to.value);
  }
  const [a, b] = [spelledType(from, true), spelledType(to, true)];
  // A datetime is a text with all its digits there.
  return a === b || (from.kind !== "datetime" && !a.startsWith("jsonb") && scalarWidens(a, b));
}

const TEXTS = new Set(["uuid", "inet"]);
const INTEGERS = ["smallint", "integer", "bigint", UINT64_TYPE];
/** Integers that a float holds exactly. */
const FLOATS: Readonly<Record<string, readonly string[]>> = {
  real: ["smallint"],
  "double precision": ["smallint", "integer", "real"],
};

function scalarWidens(from: string, to: string): boolean {
  if (from === to) return true;
  if (to === "text") return TEXTS.has(from);
  if (FLOATS[to]?.includes(from) === true) return true;
  const [a, b] = [INTEGERS.indexOf(from), INTEGERS.indexOf(to)];
  if (a !== -1 && b !== -1) return a < b;
  const [before, after] = [precisionOf(from), precisionOf(to)];
  if (before !== undefined && after !== undefined) return before <= after;
  return decimalWidens(from, to);
}

/** Digits of a second. */
function precisionOf(type: string): number | undefined {
  const digits = /^timestamp\((\d)\) with time zone$/.exec(type)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function decimalWidens(from: string, to: string): boolean {
  const [a, b] = [from, to].map((type) =>
    type === UINT64_TYPE ? null : /^numeric\((\d+),(\d+)\)$/.exec(type),
  );
  if (!a || !b) return false;
  const [precision, scale] = [Number(a[1]), Number(a[2])];
  const [newPrecision, newScale] = [Number(b[1]), Number(b[2])];
  return scale <= newScale && precision - scale <= newPrecision - newScale;
}
