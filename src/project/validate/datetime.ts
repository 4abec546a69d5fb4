import { SECOND } from "../../units.ts";
import { trimZeros } from "./exact-number.ts";

/** An RFC 3339 datetime taken apart. */
export interface Datetime {
  /** Seconds since 1970, UTC. */
  readonly seconds: number;
  /** Digits after the second, without zeros at the end. */
  readonly fraction: string;
  /** "Z", an offset such as "+05:30", or "" when none was given. */
  readonly zone: string;
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATETIME = /^(\d{4}-\d\d-\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?$/;

/** Seconds since 1970 of a "yyyy-mm-dd" of the calendar; undefined for anything else. */
export function parseDate(text: string): number | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]) - 1, Number(match[3])];
  const date = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month, day);
  const real = date.getUTCMonth() === month && date.getUTCDate() === day;
  return real ? date.getTime() / SECOND : undefined;
}

/** Reads an RFC 3339 datetime; seconds and zone may be missing. Undefined for anything else, leap seconds too. */
export function parseDatetime(text: string): Datetime | undefined {
  const match = DATETIME.exec(text);
  if (match === null) return undefined;
  const [, day = "", hours = "", minutes = "", second = "0", fraction = "", zone = ""] = match;
  const date = parseDate(day);
  const time = clock(hours, minutes);
  const offset = zone === "" || zone === "Z" ? 0 : clock(zone.slice(1, 3), zone.slice(4));
  if (date === undefined || time === undefined || offset === undefined || Number(second) > 59)
    return undefined;
  const seconds = date + time + Number(second) - (zone.startsWith("-") ? -offset : offset);
  return { seconds, fraction: trimZeros(fraction), zone };
}

/** "2001-01-02T03:04:05.120", with exactly so many digits of a second, in UTC and without a zone. */
export function formatDatetime({ seconds, fraction }: Datetime, precision: number): string {
  const whole = new Date(seconds * SECOND).toISOString().slice(0, 19);
  return precision === 0 ? whole : `${whole}.${fraction.padEnd(precision, "0")}`;
}

/** The instant for JavaScript, which keeps 3 digits of a second. */
export function toDate({ seconds, fraction }: Datetime): Date {
  return new Date(seconds * SECOND + Number(fraction.slice(0, 3).padEnd(3, "0")));
}

/** Seconds of hours and minutes; undefined when the clock doesn't have them. */
function clock(hours: string, minutes: string): number | undefined {
  const [h, m] = [Number(hours), Number(minutes)];
  return h > 23 || m > 59 ? undefined : h * 3600 + m * 60;
}
