import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SLICE_BYTES, SLICE_EVENTS, SPLIT_DONE } from "../../../src/ingest/split/event-splitter.ts";
import { splitJson } from "../../../src/ingest/split/split-json.ts";
import { MIB } from "../../../src/units.ts";
import { splitAll, splitError } from "./split-all.ts";

const EVENTS_MAX = 1_000_000;

function eventsOf(text: string): string[] {
  const body = Buffer.from(text);
  return splitAll(body, splitJson(body, { events: EVENTS_MAX })).events;
}

function errorOf(text: string | Buffer): string {
  const body = Buffer.from(text);
  return splitError(body, splitJson(body, { events: EVENTS_MAX }));
}

describe("a JSON body", () => {
  test("that is an object is one event", () => {
    expect(eventsOf(' {"a":[1,{"b":"}"}]}\n')).toEqual(['{"a":[1,{"b":"}"}]}']);
  });

  test("that is an array has an event for each element, whatever the elements are", () => {
    expect(eventsOf('[{"a":1}, {"b":"],["} ,\n12,"x\\"y" , null,[1,[2]],-0.5e3,true]')).toEqual([
      '{"a":1}',
      '{"b":"],["}',
      "12",
      '"x\\"y"',
      "null",
      "[1,[2]]",
      "-0.5e3",
      "true",
    ]);
    expect(eventsOf("[]")).toEqual([]);
    expect(eventsOf(" [ \n ] ")).toEqual([]);
  });

  test("may begin with a byte order mark", () => {
    expect(eventsOf('\uFEFF[{"a":1}]')).toEqual(['{"a":1}']);
  });

  test("of any array gives its elements, however it is spaced and wherever the slices end", () => {
    const space = fc.constantFrom("", " ", "\n", "\r\n\t", " ".repeat(SLICE_BYTES));
    const element = fc.oneof(
      { weight: 10, arbitrary: fc.json() },
      { weight: 1, arbitrary: fc.nat(600_000).map((length) => JSON.stringify({ a: "\\".repeat(length) })) },
    );
    fc.assert(
      fc.property(fc.array(element), space, space, (elements, before, after) => {
        const text = `${before}[${before}${elements.join(`${before},${after}`)}${after}]${after}`;
        expect(eventsOf(text)).toEqual(elements.map((event) => event.trim()));
      }),
      { numRuns: 300 },
    );
  });

  test("is refused when it is cut off anywhere", () => {
    const text = '[{"a":"b\\"c","d":[1,-2.5]},"x", 12 , null,[{}]]';
    for (let length = 0; length < text.length; length++) {
      expect(errorOf(text.slice(0, length))).toMatch(new RegExp(`^body_unreadable: .* at byte ${length}$`));
    }
    expect(errorOf(text)).toBe("");
  });

  test.each([
    ["", 0, "empty"],
    ["\uFEFF \n", 5, "empty"],
    ["12", 0, "expected an object or an array"],
    ['"text"', 0, "expected an object or an array"],
    ['{"a":1}{"a":2}', 7, "x-ndjson"],
    ['{"a":1}\n{"a":2}', 8, "x-ndjson"],
    ["[1][2]", 3, "x-ndjson"],
    ['{"a":1}]', 7, "x-ndjson"],
    ["[1,]", 3, "expected an element"],
    ["[,1]", 1, "expected an element"],
    ["[1,,2]", 3, "expected an element"],
    ["[1 2]", 3, 'expected ","'],
    ['["a""b"]', 4, 'expected ","'],
    ["[1:2]", 2, 'expected ","'],
    ["[{}}", 3, 'expected ","'],
    ["[nope", 5, '"]" is missing'],
    ["[x]", 1, "expected an element"],
    ["[\u0000]", 1, "expected an element"],
    ['[{"a":[1}]', 8, 'expected "]"'],
    ['{"a":1]', 6, 'expected "}"'],
    ["<html>", 0, "expected an object or an array"],
  ])("that can't be cut into events is refused with the byte: %j", (text, byte, problem) => {
    const error = errorOf(text);
    expect(error).toMatch(new RegExp(`^body_unreadable: .*at byte ${byte}$`));
    expect(error).toContain(problem);
  });

  test("that JSON.parse takes is never refused, and its events are its elements", () => {
    const mutation = fc.record({
      at: fc.nat(),
      bytes: fc.string({
        maxLength: 2,
        unit: fc.constantFrom("{", "}", "[", "]", '"', ",", ":", "\\", " ", "1", "t", "n", "\n"),
      }),
    });
    const value = fc.oneof(
      fc.array(fc.jsonValue(), { maxLength: 4 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
    );
    let readable = 0;
    fc.assert(
      fc.property(value, fc.array(mutation, { maxLength: 2 }), (document, mutations) => {
        let text = JSON.stringify(document);
        for (const { at, bytes } of mutations) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + bytes + text.slice(place + 1);
        }
        const parsed = parse(text);
        if (typeof parsed !== "object" || parsed === null) return;
        readable++;
        const expected = Array.isArray(parsed) ? parsed : [parsed];
        expect(eventsOf(text).map(parse)).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
    expect(readable).toBeGreaterThan(1000);
  });

  test.each([
    ["open brackets", "[", ""],
    ["open objects", '[{"a":', ""],
    ["nested elements", '{"a":[', "["],
    ["quotes in an object", '"', '[{"a":'],
    ["one string", "x", '["'],
    ["backslashes", "\\", '["'],
    ["whitespace", " ", "["],
    ["digits", "1", "["],
  ])("of 16 MiB of %s is looked at in slices, without recursion", (_name, text, start) => {
    const body = Buffer.concat([Buffer.from(start), Buffer.alloc(16 * MIB, text)]);
    const splitter = splitJson(body, { events: EVENTS_MAX });
    let calls = 0;
    expect(() => {
      for (; splitter.next() !== SPLIT_DONE; calls++);
    }).toThrow("isn't a readable JSON document");
    expect(calls).toBeGreaterThanOrEqual(Math.floor(body.length / SLICE_BYTES) - 1);
  });

  test("of many events gives at most SLICE_EVENTS a slice", () => {
    const expected = Array.from({ length: 2 * SLICE_EVENTS + 1 }, (_, index) => String(index));
    const body = Buffer.from(`[${expected.join()}]`);
    const { events, calls } = splitAll(body, splitJson(body, { events: EVENTS_MAX }));
    expect(events).toEqual(expected);
    expect(calls).toBe(3);
  });

  test("with deep nesting ends where it ends, deeper than brackets are matched", () => {
    const deep = "[".repeat(1000) + "]".repeat(1000);
    expect(eventsOf(`[${deep},{"a":${deep}}]`)).toEqual([deep, `{"a":${deep}}`]);
  });

  test("with more events than the limit is too large", () => {
    const body = Buffer.from("[1,2,3]");
    expect(splitError(body, splitJson(body, { events: 3 }))).toBe("");
    expect(splitError(body, splitJson(body, { events: 2 }))).toMatch(/^body_too_large: .* 2 events/);
  });
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
