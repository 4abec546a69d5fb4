import type { OpenKeys } from "./open-keys.ts";
import { scanArray, scanMap } from "./scan-containers.ts";
import { skipDigits } from "./scan-number.ts";
import { scanString } from "./scan-string.ts";
import { BYTE, UNSURE, byteAt, scanBoolean, scanNothing, scanNull, type Scan } from "./scan.ts";

/** The most characters of a number in a JSON field that are surely taken. */
const NUMBER_BYTES_MAX = 1000;

/**
 * Scans an object or array of any JSON, whose text the engine takes as it stands into a column of text. Of a string it
 * would take the characters without the quotes, so that and other single values are left to the slow path.
 */
export function scanJsonText(keys: OpenKeys, nesting: number): Scan {
  if (nesting === 0) return scanNothing;
  const inner = scanJsonText(keys, nesting - 1);
  const value: Scan = (body, at, end) =>
    body[at] === BYTE.openBrace || body[at] === BYTE.openBracket
      ? inner(body, at, end)
      : scanScalar(body, at, end);
  const array = scanArray(value, 0, Infinity);
  const object = scanMap(value, keys);
  return (body, at, end) => (body[at] === BYTE.openBrace ? object(body, at, end) : array(body, at, end));
}

function scanScalar(body: Buffer, at: number, end: number): number {
  switch (byteAt(body, at)) {
    case BYTE.quote:
      return scanString(body, at, end);
    case BYTE.t:
    case 0x66: // f
      return scanBoolean(body, at, end);
    case BYTE.n:
      return scanNull(body, at, end);
    default:
      return scanNumber(body, at, end);
  }
}

/** Scans any JSON number. */
function scanNumber(body: Buffer, start: number, end: number): number {
  const whole = body[start] === BYTE.minus ? start + 1 : start;
  let at = skipDigits(body, whole, end);
  if (at === whole || (body[whole] === BYTE.zero && at > whole + 1)) return UNSURE;
  if (body[at] === BYTE.point) {
    const fraction = at + 1;
    at = skipDigits(body, fraction, end);
    if (at === fraction) return UNSURE;
  }
  if ((byteAt(body, at) | 0x20) === 0x65) {
    const sign = body[at + 1] === BYTE.plus || body[at + 1] === BYTE.minus;
    const exponent = sign ? at + 2 : at + 1;
    at = skipDigits(body, exponent, end);
    if (at === exponent) return UNSURE;
  }
  return at - start <= NUMBER_BYTES_MAX ? at : UNSURE;
}
