import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SLICE_BYTES, SLICE_EVENTS } from "../../../src/ingest/split/event-splitter.ts";
import { splitNdjson } from "../../../src/ingest/split/split-ndjson.ts";
import { MIB } from "../../../src/units.ts";
import { splitAll, splitError } from "./split-all.ts";

const EVENTS_MAX = 1_000_000;

function linesOf(text: string): string[] {
  const body = Buffer.from(text);
  return splitAll(body, splitNdjson(body, { events: EVENTS_MAX })).events;
}

describe("NDJSON", () => {
  test("each line is an event, with LF or CRLF, with or without a final newline", () => {
    expect(linesOf('{"a":1}\n{"a":2}\r\n{"a":3}')).toEqual(['{"a":1}', '{"a":2}', '{"a":3}']);
    expect(linesOf('{"a":1}\n{"a":2}\r\n')).toEqual(['{"a":1}', '{"a":2}']);
    expect(linesOf('{"a":1}\r')).toEqual(['{"a":1}']);
  });

  test("blank lines are no events", () => {
    expect(linesOf('\n\r\n \t\n{"a":1}\n\n  \r\n{"a":2}\n \n')).toEqual(['{"a":1}', '{"a":2}']);
    expect(linesOf("")).toEqual([]);
    expect(linesOf("\n\n")).toEqual([]);
    expect(linesOf("  ")).toEqual([]);
  });

  test("a byte order mark is skipped at the start only", () => {
    expect(linesOf('\uFEFF{"a":1}\n\uFEFF{}')).toEqual(['{"a":1}', "\uFEFF{}"]);
    expect(linesOf("\uFEFF")).toEqual([]);
  });

  test("a line that isn't JSON is an event all the same: it gets rejected with the others accepted", () => {
    expect(linesOf('{"a":\nnonsense {\n"\n{}')).toEqual(['{"a":', "nonsense {", '"', "{}"]);
  });

  test("any lines come out as they went in, wherever the slices end", () => {
    const line = fc.oneof(
      fc.json(),
      fc.string({ unit: "binary" }),
      fc.nat(600_000).map((length) => "x".repeat(length)),
    );
    const lines = fc.array(
      line.map((text) => text.replaceAll(/[\r\n]/g, "").trim()).filter((text) => text !== ""),
    );
    const ends = fc.array(fc.constantFrom("\n", "\r\n", "\n\n", "\n \r\n\t"), { minLength: 1 });
    fc.assert(
      fc.property(lines, ends, fc.boolean(), (expected, newlines, last) => {
        const text = expected
          .map((event, index) => event + (newlines[index % newlines.length] ?? ""))
          .join("");
        const cut = last ? text : text.trimEnd();
        expect(linesOf(` ${cut}`)).toEqual(expected.map((event) => Buffer.from(event).toString()));
      }),
      { numRuns: 300 },
    );
  });

  test("a slice has at most SLICE_EVENTS events and the next goes on where it ended", () => {
    const expected = Array.from({ length: 2 * SLICE_EVENTS + 1 }, (_, index) => String(index));
    const body = Buffer.from(expected.join("\n"));
    const { events, calls } = splitAll(body, splitNdjson(body, { events: EVENTS_MAX }));
    expect(events).toEqual(expected);
    expect(calls).toBe(3);
  });

  test.each([
    ["blank lines", "\n"],
    ["spaces", " "],
    ["one line", "x"],
    ["quotes", '"'],
  ])("16 MiB of %s are looked at in slices", (_name, text) => {
    const body = Buffer.alloc(16 * MIB, text);
    const { calls } = splitAll(body, splitNdjson(body, { events: EVENTS_MAX }));
    expect(calls).toBe(Math.ceil(body.length / SLICE_BYTES));
  });

  test("more events than the limit are too many, exactly the limit are not", () => {
    const body = Buffer.from("1\n2\n3\n");
    expect(splitError(body, splitNdjson(body, { events: 3 }))).toBe("");
    expect(splitError(body, splitNdjson(body, { events: 2 }))).toMatch(/^body_too_large: .* 2 events/);
  });
});
