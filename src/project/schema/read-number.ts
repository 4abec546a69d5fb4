import type { z } from "zod";
import type { ColumnType } from "../column.ts";
import type { NativeType } from "./native-type.ts";
import type { ReadType } from "./read-string.ts";
import { type Place, refusal } from "./refusal.ts";
import { checksOf } from "./zod-checks.ts";

type Int = ColumnType & { readonly kind: "int" };

const INT64: Int = { kind: "int", bits: 64, signed: true };
const UINT64: Int = { kind: "int", bits: 64, signed: false };

/** The integers of Zod's formats: the column, and the range that the format allows. */
const INTEGER_FORMATS = new Map<string, { readonly column: Int; readonly min: bigint; readonly max: bigint }>(
  [
    ["int32", { column: { kind: "int", bits: 32, signed: true }, min: -(2n ** 31n), max: 2n ** 31n - 1n }],
    ["uint32", { column: { kind: "int", bits: 32, signed: false }, min: 0n, max: 2n ** 32n - 1n }],
    ["safeint", { column: INT64, min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n }],
    ["int64", { column: INT64, min: -(2n ** 63n), max: 2n ** 63n - 1n }],
    ["uint64", { column: UINT64, min: 0n, max: 2n ** 64n - 1n }],
  ],
);

/** Reads `z.number()`, `z.int()`, `z.int64()` and their like. Undefined when the wanted column can't hold it. */
export function readNumber(
  schema: z.core.$ZodNumber | z.core.$ZodBigInt,
  place: Place,
  wanted: NativeType | undefined,
): ReadType | undefined {
  const facts = numberFacts(schema);
  const text = schema._zod.def.type === "bigint";
  const column = wanted?.type ?? facts.integer ?? (text ? undefined : facts.float);
  if (column === undefined) {
    throw refusal(place, "z.bigint() has no limits, and no column has none", "Use z.int64() or z.uint64()");
  }
  if (column.kind === "int") return integerType(column, facts, text);
  if (text) return undefined;
  if (column.kind === "decimal") {
    const slow = facts.slow || facts.bounded || facts.integer !== undefined;
    return { type: slow ? { kind: "slow", type: column } : column, column };
  }
  if (column.kind !== "float" || facts.integer !== undefined) return undefined;
  const bits = facts.float.bits === 32 ? 32 : column.bits;
  const type = { kind: "float" as const, bits, ...boundsOf(facts) };
  return { type: facts.slow || facts.exclusive ? { kind: "slow", type } : type, column };
}

/** Literal numbers: an integer or a float column that holds them all. */
export function readNumberLiterals(values: readonly (number | bigint)[]): ReadType {
  if (values.every((value) => typeof value === "bigint" || Number.isSafeInteger(value))) {
    const integers = values.map(BigInt);
    const min = integers.reduce((a, b) => (b < a ? b : a));
    const max = integers.reduce((a, b) => (b > a ? b : a));
    const text = values.some((value) => typeof value === "bigint");
    const column = max > 2n ** 63n - 1n ? UINT64 : INT64;
    return { type: { kind: "slow", type: { kind: "int", min, max, text } }, column };
  }
  return { type: { kind: "slow", type: { kind: "float", bits: 64 } }, column: { kind: "float", bits: 64 } };
}

interface NumberFacts {
  /** The column of an integer format; undefined when fractions are taken. */
  readonly integer: Int | undefined;
  readonly float: { readonly kind: "float"; readonly bits: 32 | 64 };
  readonly min: number | bigint | undefined;
  readonly max: number | bigint | undefined;
  /** Bounds as integers, with the format's. */
  readonly integerMin: bigint | undefined;
  readonly integerMax: bigint | undefined;
  readonly bounded: boolean;
  /** A bound that the value must not equal. */
  readonly exclusive: boolean;
  /** Whether there are checks that only Zod can run. */
  readonly slow: boolean;
}

function numberFacts(schema: z.core.$ZodNumber | z.core.$ZodBigInt): NumberFacts {
  let integer: Int | undefined;
  let bits: 32 | 64 = 64;
  let min: number | bigint | undefined;
  let max: number | bigint | undefined;
  let integerMin: bigint | undefined;
  let integerMax: bigint | undefined;
  let exclusive = false;
  let slow = false;
  const narrow = (from: bigint | undefined, to: bigint | undefined): void => {
    integerMin = larger(integerMin, from);
    integerMax = smaller(integerMax, to);
  };
  for (const check of checksOf(schema)) {
    if (check.check === "number_format" || check.check === "bigint_format") {
      const format = INTEGER_FORMATS.get(check.format);
      if (check.format === "float32") bits = 32;
      // The narrowest of several: z.int32().int() is an int32.
      if (format !== undefined && (integer === undefined || integer.bits > format.column.bits))
        integer = format.column;
      narrow(format?.min, format?.max);
    } else if (check.check === "greater_than") {
      const value = check.value as number | bigint;
      min = larger(min, value);
      exclusive ||= !check.inclusive;
      narrow(integerBound(value, check.inclusive, "up"), undefined);
    } else if (check.check === "less_than") {
      const value = check.value as number | bigint;
      max = smaller(max, value);
      exclusive ||= !check.inclusive;
      narrow(undefined, integerBound(value, check.inclusive, "down"));
    } else slow = true;
  }
  const bounded = min !== undefined || max !== undefined;
  return {
    integer,
    float: { kind: "float", bits },
    min,
    max,
    integerMin,
    integerMax,
    bounded,
    exclusive,
    slow,
  };
}

function integerType(column: Int, facts: NumberFacts, text: boolean): ReadType {
  const bits = BigInt(column.bits);
  const lowest = column.signed ? -(2n ** (bits - 1n)) : 0n;
  const highest = column.signed ? 2n ** (bits - 1n) - 1n : 2n ** bits - 1n;
  const min = larger(lowest, facts.integerMin) ?? lowest;
  const max = smaller(highest, facts.integerMax) ?? highest;
  const type = { kind: "int" as const, min, max, text };
  return { type: facts.slow ? { kind: "slow", type } : type, column };
}

function boundsOf(facts: NumberFacts): { readonly min?: number; readonly max?: number } {
  return {
    ...(facts.min === undefined ? {} : { min: Number(facts.min) }),
    ...(facts.max === undefined ? {} : { max: Number(facts.max) }),
  };
}

/** The first integer that a bound admits. Undefined for a bound that no integer reaches, such as -Infinity. */
function integerBound(
  value: number | bigint,
  inclusive: boolean,
  direction: "up" | "down",
): bigint | undefined {
  if (typeof value === "number" && !Number.isFinite(value)) return undefined;
  const whole = BigInt(
    typeof value === "bigint" ? value : direction === "up" ? Math.ceil(value) : Math.floor(value),
  );
  // oxlint-disable-next-line eqeqeq -- a number and a bigint are compared by value
  const step = inclusive || whole != value ? 0n : 1n;
  return direction === "up" ? whole + step : whole - step;
}

function larger<T extends number | bigint>(a: T | undefined, b: T | undefined): T | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}

function smaller<T extends number | bigint>(a: T | undefined, b: T | undefined): T | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}
