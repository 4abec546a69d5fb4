import { BYTE, UNSURE, byteAt, digitAt, isDigit, type Scan } from "./scan.ts";

/**
 * The most significant digits that a float may be written with here: every double has a decimal of this length that
 * reads back as itself, and the engine reads such decimals exactly.
 */
const FLOAT_DIGITS_MAX = 17;
/** A number of up to this many bytes has at most 15 digits, which a double holds exactly once the point is left out. */
const EXACT_BYTES_MAX = 15;
/** The most zeros after `0.`: with them and FLOAT_DIGITS_MAX digits even a 32-bit float can't underflow. */
const LEADING_ZEROS_MAX = 20;
/** Up to here, either way, a float keeps every integer; a larger one might come back as another. */
const FLOAT_INTEGER_MAX = { 32: 2 ** 24, 64: Number.MAX_SAFE_INTEGER } as const;
/** Integers of up to this many digits are surely below. */
const FLOAT_INTEGER_DIGITS = 7;
/** The largest exponent, either way, with which a number of FLOAT_DIGITS_MAX digits is surely in range. */
const EXPONENT_MAX = { 32: 15, 64: 99 } as const;
/** The most digits of a 64-bit integer. */
const INTEGER_DIGITS_MAX = 20;

/** Scans an integer from `min` to `max`, as a JSON number or, with `text`, also as a string of digits. */
export function scanInteger(min: bigint, max: bigint, text: boolean): Scan {
  const bare = scanBareInteger(min, max);
  if (!text) return bare;
  return (body, at, end) => {
    if (body[at] !== BYTE.quote) return bare(body, at, end);
    const after = bare(body, at + 1, end);
    return after !== UNSURE && body[after] === BYTE.quote ? after + 1 : UNSURE;
  };
}

function scanBareInteger(min: bigint, max: bigint): Scan {
  // Values up to 2^53 are compared as numbers, so limits beyond may be rounded.
  const least = Number(min);
  const most = Number(max);
  return (body, start) => {
    const negative = body[start] === BYTE.minus;
    const first = negative ? start + 1 : start;
    let at = first;
    let value = 0;
    for (let digit = digitAt(body, at); digit >= 0 && digit <= 9; digit = digitAt(body, ++at)) {
      value = value * 10 + digit;
      if (at - first >= INTEGER_DIGITS_MAX) return UNSURE;
    }
    if (at === first || (body[first] === BYTE.zero && (negative || at > first + 1))) return UNSURE;
    // Rounding never takes a value from beyond 2^53 to below it, so a safe sum is the exact one.
    if (value > Number.MAX_SAFE_INTEGER) {
      const exact = BigInt(body.toString("latin1", start, at));
      return exact >= min && exact <= max ? at : UNSURE;
    }
    const signed = negative ? -value : value;
    return signed >= least && signed <= most ? at : UNSURE;
  };
}

/** Scans a float that is surely in range and that the engine reads as JSON.parse would; `min` and `max` are included. */
export function scanFloat(bits: 32 | 64, min: number | undefined, max: number | undefined): Scan {
  const scan = scanBareFloat(FLOAT_INTEGER_MAX[bits], EXPONENT_MAX[bits]);
  if (min === undefined && max === undefined) return scan;
  const least = min ?? -Infinity;
  const most = max ?? Infinity;
  return (body, start, end) => {
    const after = scan(body, start, end);
    if (after === UNSURE) return UNSURE;
    const value = numberIn(body, start, after);
    return value >= least && value <= most ? after : UNSURE;
  };
}

function scanBareFloat(integerMax: number, exponentMax: number): Scan {
  return (body, start, end) => {
    let at = body[start] === BYTE.minus ? start + 1 : start;
    const whole = at;
    at = skipDigits(body, at, end);
    const zero = body[whole] === BYTE.zero;
    if (at === whole || (zero && at > whole + 1)) return UNSURE;
    let digits = zero ? 0 : at - whole;
    if (body[at] === BYTE.point) {
      const fraction = at + 1;
      const significant = zero ? skipZeros(body, fraction, end) : fraction;
      at = skipDigits(body, significant, end);
      if (at === fraction || significant - fraction > LEADING_ZEROS_MAX) return UNSURE;
      digits += at - significant;
    } else if (!hasExponent(body, at)) {
      return digits <= FLOAT_INTEGER_DIGITS || Math.abs(numberIn(body, start, at)) <= integerMax
        ? at
        : UNSURE;
    }
    if (digits > FLOAT_DIGITS_MAX) return UNSURE;
    return hasExponent(body, at) ? scanExponent(body, at + 1, exponentMax) : at;
  };
}

function hasExponent(body: Buffer, at: number): boolean {
  return (byteAt(body, at) | 0x20) === 0x65; // e
}

/** Scans one or two digits of an exponent with an optional sign. */
function scanExponent(body: Buffer, start: number, exponentMax: number): number {
  const sign = body[start] === BYTE.plus || body[start] === BYTE.minus;
  let at = sign ? start + 1 : start;
  if (!isDigit(byteAt(body, at))) return UNSURE;
  let exponent = digitAt(body, at++);
  if (isDigit(byteAt(body, at))) exponent = exponent * 10 + digitAt(body, at++);
  return exponent > exponentMax || isDigit(byteAt(body, at)) ? UNSURE : at;
}

/** The value of a JSON number, exactly as JSON.parse gives it; short ones without making a string of them. */
function numberIn(body: Buffer, start: number, end: number): number {
  if (end - start > EXACT_BYTES_MAX) return Number(body.toString("latin1", start, end));
  let whole = 0;
  let scale = 0; // stays 0 up to the point
  for (let at = start; at < end; at++) {
    const byte = byteAt(body, at);
    if (isDigit(byte)) {
      whole = whole * 10 + (byte - BYTE.zero);
      scale *= 10;
    } else if (byte === BYTE.point) scale = 1;
    else if (byte !== BYTE.minus) return Number(body.toString("latin1", start, end));
  }
  // Both are exact, so their quotient is the nearest double.
  const value = scale > 1 ? whole / scale : whole;
  return body[start] === BYTE.minus ? -value : value;
}

/** Scans a decimal of at most `precision` digits, of which at most `scale` after the point. */
export function scanDecimal(precision: number, scale: number): Scan {
  const wholeMax = precision - scale;
  return (body, start, end) => {
    const whole = body[start] === BYTE.minus ? start + 1 : start;
    let at = skipDigits(body, whole, end);
    const zero = body[whole] === BYTE.zero;
    if (at === whole || (zero && at > whole + 1)) return UNSURE;
    if (!zero && at - whole > wholeMax) return UNSURE;
    if (body[at] !== BYTE.point) return at;
    const fraction = at + 1;
    at = skipDigits(body, fraction, end);
    return at > fraction && at - fraction <= scale ? at : UNSURE;
  };
}

/** The place after the digits there. */
export function skipDigits(body: Buffer, at: number, end: number): number {
  let next = at;
  while (next < end && isDigit(byteAt(body, next))) next++;
  return next;
}

function skipZeros(body: Buffer, at: number, end: number): number {
  let next = at;
  while (next < end && body[next] === BYTE.zero) next++;
  return next;
}
