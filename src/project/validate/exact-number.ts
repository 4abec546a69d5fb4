/** The value of a JSON number without rounding: digits × 10^exponent, `digits` without zeros at either end ("" for 0). */
export interface ExactNumber {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

/** Reads a number's characters, as JSON writes them. */
export function exactNumber(text: string): ExactNumber {
  const [mantissa = "", power = "0"] = text.toLowerCase().split("e");
  const negative = mantissa.startsWith("-");
  const [whole = "", fraction = ""] = mantissa.slice(negative ? 1 : 0).split(".");
  const all = whole + fraction;
  const trimmed = trimZeros(all);
  const digits = trimmed.replace(/^0+/, "");
  if (digits === "") return { negative, digits, exponent: 0 };
  return { negative, digits, exponent: Number(power) - fraction.length + all.length - trimmed.length };
}

/** Takes the zeros off the end. Not by a regular expression, whose time grows with the square of the zeros. */
export function trimZeros(digits: string): string {
  let end = digits.length;
  while (digits.charAt(end - 1) === "0") end--;
  return digits.slice(0, end);
}

/** Digits before the decimal point; 0 or less for a number below 1. */
export function wholeDigits(number: ExactNumber): number {
  return number.digits === "" ? 0 : number.digits.length + number.exponent;
}

/** Digits after the decimal point. */
export function fractionDigits(number: ExactNumber): number {
  return Math.max(0, -number.exponent);
}

/** The number in plain digits. Call it only for a number of few digits before and after the point. */
export function plainText({ negative, digits, exponent }: ExactNumber): string {
  const sign = negative && digits !== "" ? "-" : "";
  if (exponent >= 0) return sign + (digits === "" ? "0" : digits + "0".repeat(exponent));
  const padded = digits.padStart(-exponent + 1, "0");
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

/**
 * Whether a float of so many bits gives back the integer that was written. Floats round fractions, that is their
 * nature; an integer that comes back as another one was damaged.
 */
export function keepsInteger(text: string, bits: 32 | 64): boolean {
  const value = Number(text);
  const kept = bits === 32 ? Math.fround(value) : value;
  const wanted = BigInt(text);
  if (BigInt(kept) === wanted) return true;
  // What a program prints for a float is the shortest text that reads back as the same one.
  const printed = bits === 32 ? shortestFloat32(kept) : String(kept);
  return plainText(exactNumber(printed)) === String(wanted);
}

function shortestFloat32(value: number): string {
  for (let digits = 1; digits < FLOAT32_DIGITS_MAX; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toPrecision(FLOAT32_DIGITS_MAX);
}

/** Every 32-bit float has a decimal of this length that reads back as itself. */
const FLOAT32_DIGITS_MAX = 9;
