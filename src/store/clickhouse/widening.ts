/**
 * Whether every value of one type is, exactly, a value of the other too, and is the same thing in JSON (a text, a number…):
 * then a column can follow. Both are in the engine's own spelling.
 */
export function widens(from: string, to: string): boolean {
  if (from === to) return true;
  const [a, b] = [unwrap(from), unwrap(to)];
  // A dictionary is a way to store, not another value.
  if (a.outer === "LowCardinality") return widens(a.inner, to);
  if (b.outer === "LowCardinality") return widens(from, b.inner);
  if (b.outer === "Nullable") return widens(a.outer === "Nullable" ? a.inner : from, b.inner);
  if (a.outer !== b.outer) return false;
  return a.outer === "" ? leafWidens(from, to) : widens(a.inner, b.inner);
}

/** The type with null among its values; types that can't have it have another way to say "none", or undefined. */
export function nullableType(type: string): string {
  const { outer, inner } = unwrap(type);
  if (outer === "LowCardinality") return `LowCardinality(${nullableType(inner)})`;
  return /^(Nullable|Array|Map|Tuple|Nested|Variant|Dynamic)\b/.test(type) ? type : `Nullable(${type})`;
}

/** The type of the values that aren't null, stored however. */
export function bareType(type: string): string {
  const { outer, inner } = unwrap(type);
  return outer === "Nullable" || outer === "LowCardinality" ? bareType(inner) : type;
}

interface Wrapped {
  readonly outer: "" | "Nullable" | "LowCardinality" | "Array" | "Map";
  readonly inner: string;
}

function unwrap(type: string): Wrapped {
  const match =
    /^(Nullable|LowCardinality|Array)\((.*)\)$/s.exec(type) ?? /^(Map)\(String, (.*)\)$/s.exec(type);
  return { outer: (match?.[1] ?? "") as Wrapped["outer"], inner: match?.[2] ?? type };
}

function leafWidens(from: string, to: string): boolean {
  if (to === "String") return TEXTS.has(from);
  const [a, b] = [numberOf(from), numberOf(to)];
  if (a !== undefined && b !== undefined) return a.low >= b.low && a.high <= b.high && a.digits <= b.digits;
  const [before, after] = [precisionOf(from), precisionOf(to)];
  // With 9 digits of a second a column ends in 2262, the others in 2299.
  if (before !== undefined && after !== undefined) return before <= after && after < 9;
  return decimalWidens(from, to);
}

/** What is a text in JSON already. */
const TEXTS = new Set(["UUID", "IPv4", "IPv6"]);

/** The integers that a type of numbers holds exactly, as powers of two, and bits for the digits of fractions. */
function numberOf(
  type: string,
): { readonly low: number; readonly high: number; readonly digits: number } | undefined {
  const [, unsigned, kind, size] = /^(U?)(Int|Float)(8|16|32|64)$/.exec(type) ?? [];
  if (kind === undefined) return undefined;
  const bits = Number(size);
  if (kind === "Int")
    return { low: unsigned === "U" ? 0 : 1 - bits, high: unsigned === "U" ? bits : bits - 1, digits: 0 };
  const whole = bits === 32 ? 24 : 53;
  return { low: -whole, high: whole, digits: bits };
}

/** Digits of a second. */
function precisionOf(type: string): number | undefined {
  const digits = /^DateTime64\((\d), 'UTC'\)$/.exec(type)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function decimalWidens(from: string, to: string): boolean {
  const [a, b] = [from, to].map((type) => /^Decimal\((\d+), (\d+)\)$/.exec(type));
  if (!a || !b) return false;
  const [precision, scale, newPrecision, newScale] = [a[1], a[2], b[1], b[2]].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return scale <= newScale && precision - scale <= newPrecision - newScale;
}
