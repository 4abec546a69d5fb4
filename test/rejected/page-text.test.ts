import { describe, expect, test } from "vitest";
import { eventText, pageText } from "../../src/rejected/page-text.ts";

const REJECTION = {
  id: "log-0-1",
  time: "2026-01-02T03:04:05.678Z",
  reasons: [],
  refused_by: "ingest",
} as const;

describe("an event stands in its page letter by letter", () => {
  test.each([
    `{"n":9007199254740993}`,
    `{"n":1e400}`,
    `{"n":1,"n":2}`,
    `{"__proto__":{"x":1}}`,
    `{"n":"\\ud800"}`,
    ` [1, 2 ] `,
    "null",
    `"a\\\\\\"[[[${"[".repeat(100)}"`,
    `${"[".repeat(64)}${"]".repeat(64)}`,
  ])("%s", (event) => {
    const text = pageText({ data: [{ ...REJECTION, event: eventText(event) }], next: null });
    expect(text).toContain(`,"event":${event},"reasons":`);
    expect(JSON.parse(text)).toEqual({
      data: [{ ...REJECTION, event: JSON.parse(event) as unknown }],
      next: null,
    });
  });
});

test("what isn't JSON, or is nested deeper than readers take, is a string", () => {
  for (const event of ["", `{"n":`, "\0", "\uFEFF{}", `${"[".repeat(65)}${"]".repeat(65)}`, `{"n":NaN}`]) {
    expect(JSON.parse(eventText(event))).toBe(event);
  }
});

test("neither a million brackets nor a string of megabytes overflows the stack", () => {
  const deep = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;
  expect(JSON.parse(eventText(deep))).toBe(deep);
  const long = JSON.stringify(`\\"`.repeat(2_000_000));
  expect(eventText(long)).toBe(long);
});
