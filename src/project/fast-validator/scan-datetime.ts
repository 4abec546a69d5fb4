import { BYTE, UNSURE, byteAt, digitAt, isDigit, type Scan } from "./scan.ts";

/** Years, both included. */
interface Years {
  readonly min: number;
  readonly max: number;
}

/** Years whose every day a date column holds. */
const DATE_YEARS: Years = { min: 1900, max: 2299 };
/** Years whose every instant at any offset a datetime column holds: one less on either side than the column has. */
const DATETIME_YEARS: Years = { min: 1901, max: 2298 };
/** With nine digits of a second 64 bits end in 2262. */
const NANOSECOND_PRECISION = 9;
const NANOSECOND_YEARS: Years = { min: 1901, max: 2261 };

const DAYS_OF_MONTH = Uint8Array.of(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31);
const FEBRUARY = 2;
const DATE_BYTES = 10;
const TIME_BYTES = 8;
const NOT_DIGITS = 9999;

/** Scans `"yyyy-mm-dd"`. */
export function scanDate(body: Buffer, start: number): number {
  const after = start + DATE_BYTES + 1;
  if (body[start] !== BYTE.quote || body[after] !== BYTE.quote) return UNSURE;
  return isDay(body, start + 1, DATE_YEARS) ? after + 1 : UNSURE;
}

interface DatetimeForm {
  readonly precision: number;
  readonly offset: boolean;
  readonly local: boolean;
}

/**
 * Scans RFC 3339 such as `"2001-02-03T04:05:06.789+01:00"`, with seconds and at most `precision` digits of them:
 * forms that the engine reads exactly. `offset` and `local` as in the wire type.
 */
export function scanDatetime({ precision, offset, local }: DatetimeForm): Scan {
  const years = precision < NANOSECOND_PRECISION ? DATETIME_YEARS : NANOSECOND_YEARS;
  return (body, start) => {
    const time = start + DATE_BYTES + 2;
    if (body[start] !== BYTE.quote || body[time - 1] !== BYTE.T) return UNSURE;
    if (!isDay(body, start + 1, years) || !isTime(body, time)) return UNSURE;
    let at = time + TIME_BYTES;
    if (body[at] === BYTE.point) {
      const fraction = ++at;
      while (at <= fraction + precision && isDigit(byteAt(body, at))) at++;
      if (at === fraction || at > fraction + precision) return UNSURE;
    }
    const zone = byteAt(body, at);
    if (zone === BYTE.Z) at++;
    else if (offset && (zone === BYTE.plus || zone === BYTE.minus)) {
      if (!isOffset(body, at + 1)) return UNSURE;
      at += 6;
    } else if (!local) return UNSURE;
    return body[at] === BYTE.quote ? at + 1 : UNSURE;
  };
}

function isDay(body: Buffer, at: number, years: Years): boolean {
  if (body[at + 4] !== BYTE.minus || body[at + 7] !== BYTE.minus) return false;
  const year = twoDigits(body, at) * 100 + twoDigits(body, at + 2);
  const month = twoDigits(body, at + 5);
  const day = twoDigits(body, at + 8);
  if (year < years.min || year > years.max || month < 1 || month > 12 || day < 1) return false;
  return day <= (DAYS_OF_MONTH[month] ?? 0) || (month === FEBRUARY && day === 29 && isLeap(year));
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Whether `hh:mm:ss` stands there, without leap seconds. */
function isTime(body: Buffer, at: number): boolean {
  return (
    twoDigits(body, at) <= 23 &&
    body[at + 2] === BYTE.colon &&
    twoDigits(body, at + 3) <= 59 &&
    body[at + 5] === BYTE.colon &&
    twoDigits(body, at + 6) <= 59
  );
}

/** Whether `hh:mm` stands there. */
function isOffset(body: Buffer, at: number): boolean {
  return twoDigits(body, at) <= 23 && body[at + 2] === BYTE.colon && twoDigits(body, at + 3) <= 59;
}

/** The number that two digits make; without two digits NOT_DIGITS, which is over every limit here. */
function twoDigits(body: Buffer, at: number): number {
  const tens = digitAt(body, at);
  const ones = digitAt(body, at + 1);
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NOT_DIGITS;
}
