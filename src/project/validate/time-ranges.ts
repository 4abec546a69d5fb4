import { type Datetime, parseDate } from "./datetime.ts";

/** The first and last day of a column, both included. */
interface DayRange {
  readonly first: string;
  readonly last: string;
}

/** Date32; the engine documents the same for DateTime64. */
const WIDE: DayRange = { first: "1900-01-01", last: "2299-12-31" };
/** Date holds 16 bits of days. */
const NARROW_DATE: DayRange = { first: "1970-01-01", last: "2149-06-06" };

/** DateTime holds 32 bits of seconds since 1970. */
const NARROW_SECONDS_MAX = 2 ** 32 - 1;
/** DateTime64(9) holds 64 bits of nanoseconds since 1970: to 2262-04-11T23:47:16.854775807Z. */
const NANOSECONDS_MAX = 2n ** 63n - 1n;
const NANOSECOND_PRECISION = 9;
const DAY_SECONDS = 86_400;

const WIDE_FIRST = secondsOf(WIDE.first);
const WIDE_LAST = secondsOf(WIDE.last) + DAY_SECONDS - 1;

/** Why a column can't hold the day; undefined when it can. */
export function dayProblem(day: string, narrow: boolean): string | undefined {
  const { first, last } = narrow ? NARROW_DATE : WIDE;
  // Years of four digits sort as text.
  return day < first || day > last ? `the column holds ${first} to ${last}` : undefined;
}

/** Why a column can't hold the instant; undefined when it can. */
export function instantProblem(instant: Datetime, precision: number, narrow: boolean): string | undefined {
  const { seconds, fraction } = instant;
  if (narrow) {
    const held = seconds >= 0 && seconds <= NARROW_SECONDS_MAX;
    return held ? undefined : "the column holds 1970-01-01T00:00:00Z to 2106-02-07T06:28:15Z";
  }
  if (seconds < WIDE_FIRST || seconds > WIDE_LAST) {
    return `the column holds ${WIDE.first} to ${WIDE.last}`;
  }
  if (precision < NANOSECOND_PRECISION) return undefined;
  const nanoseconds = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return nanoseconds > NANOSECONDS_MAX
    ? `with 9 digits the column holds ${WIDE.first} to 2262-04-11`
    : undefined;
}

function secondsOf(day: string): number {
  return parseDate(day) ?? Number.NaN;
}
