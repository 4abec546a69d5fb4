import { DAY, HOUR, MINUTE, SECOND } from "../units.ts";
import type { TtlUnit } from "./declarations.ts";

/** Says what a duration looks like, for messages. */
export const DURATION_SYNTAX = 'such as "500 ms", "1s", "15 minutes", "1 day" or "2 weeks"';
/** Says what a calendar span looks like, for messages. */
export const SPAN_SYNTAX = 'such as "12 hours", "90 days", "6 months" or "2 years"';

/** Milliseconds of each unit of a fixed length. */
const UNITS = new Map<string, number>([
  ...["ms", "millisecond", "milliseconds"].map((name) => [name, 1] as const),
  ...["s", "second", "seconds"].map((name) => [name, SECOND] as const),
  ...["m", "min", "minute", "minutes"].map((name) => [name, MINUTE] as const),
  ...["h", "hour", "hours"].map((name) => [name, HOUR] as const),
  ...["d", "day", "days"].map((name) => [name, DAY] as const),
  ...["w", "week", "weeks"].map((name) => [name, 7 * DAY] as const),
]);

const SPAN_UNITS = new Map<string, TtlUnit>(
  (["hour", "day", "week", "month", "year"] as const).flatMap((unit) => [
    [unit, unit],
    [`${unit}s`, unit],
  ]),
);

/** Milliseconds of a duration like "1s" or "2 days"; undefined when the text isn't one. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?([a-z]+)$/.exec(text.trim());
  const unit = UNITS.get(match?.[2] ?? "");
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** A count of calendar units like "2 years"; undefined when the text isn't one. Months and years have no fixed length. */
export function parseSpan(text: string): { count: number; unit: TtlUnit } | undefined {
  const match = /^(\d{1,5}) ?([a-z]+)$/.exec(text.trim());
  const unit = SPAN_UNITS.get(match?.[2] ?? "");
  const count = Number(match?.[1]);
  return unit === undefined || count === 0 ? undefined : { count, unit };
}

/** A duration in the largest unit that gives a whole number: "90 s" for 90,000. */
export function formatDuration(milliseconds: number): string {
  for (const [name, unit] of [
    ["d", DAY],
    ["h", HOUR],
    ["min", MINUTE],
    ["s", SECOND],
  ] as const) {
    if (milliseconds >= unit && milliseconds % unit === 0) return `${milliseconds / unit} ${name}`;
  }
  return `${milliseconds} ms`;
}
