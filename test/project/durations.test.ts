import { expect, test } from "vitest";
import { formatDuration, parseDuration, parseSpan } from "../../src/project/durations.ts";

test.each([
  ["1s", 1000],
  ["500 ms", 500],
  ["1.5 s", 1500],
  ["15 minutes", 900_000],
  ["24h", 86_400_000],
  ["1 day", 86_400_000],
  ["2 weeks", 1_209_600_000],
])("a duration %s is %i ms", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each(["", "1", "s", "-1s", "1  day", "1 month", "1s 2s", "1e3s", "9999999999s", "1 Day"])(
  "%j isn't a duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  ["12 hours", { count: 12, unit: "hour" }],
  ["90 days", { count: 90, unit: "day" }],
  ["1week", { count: 1, unit: "week" }],
  ["6 months", { count: 6, unit: "month" }],
  ["2 years", { count: 2, unit: "year" }],
])("a span %s keeps its calendar unit", (text, span) => {
  expect(parseSpan(text)).toEqual(span);
});

test.each(["0 days", "1.5 days", "2 y", "years", "123456 days"])("%j isn't a span", (text) => {
  expect(parseSpan(text)).toBeUndefined();
});

test.each([
  [50, "50 ms"],
  [90_000, "90 s"],
  [3_600_000, "1 h"],
  [366 * 86_400_000, "366 d"],
])("%i ms read as %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});
