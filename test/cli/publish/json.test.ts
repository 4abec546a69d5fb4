import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  dictionary,
  integer,
  jsonValue,
  string,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadraceError } from "../../../src/errors.ts";
import { withoutMark } from "../../../src/cli/publish/byte-order-mark.ts";
import { readJson } from "../../../src/cli/publish/json.ts";
import { readNdjson } from "../../../src/cli/publish/ndjson.ts";
import { MIB } from "../../../src/units.ts";

/** The events of a document that arrives in pieces of a size. */
async function read(text: string, size = 1_000): Promise<readonly string[]> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    // A copy, as a file gives: the reader may write into it.
    for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
  }
  const events: string[] = [];
  for await (const chunk of readJson(withoutMark(pieces()), "events.json")) events.push(...chunk.map(String));
  return events;
}

async function problem(text: string, size?: number): Promise<string> {
  const error: unknown = await read(text, size).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(HeadraceError);
  expect((error as HeadraceError).code).toBe("input_unreadable");
  return (error as HeadraceError).message;
}

describe("a JSON document", () => {
  test.each([
    ['{"a":1}', ['{"a":1}']],
    ['[{"a":1},{"a":2}]', ['{"a":1}', '{"a":2}']],
    ["[]", []],
    ["\uFEFF[ ]\n", []],
    ['[{"s":"]},[{\\"\\\\"}, {"t":[[1],{"u":{}}]}]', ['{"s":"]},[{\\"\\\\"}', '{"t":[[1],{"u":{}}]}']],
    // Not events, but for the server to say so.
    ['[1, "a,]b", null ,[2]]', ["1", '"a,]b"', "null ", "[2]"]],
  ])("%s", async (text, events) => {
    expect(await read(text)).toEqual(events);
    expect(await read(text, 1)).toEqual(events);
  });

  test("keeps numbers and strings as they were written", async () => {
    expect(await read('[{"big":18446744073709551615,"e":1.10e+3,"s":"\\u00e9é"}]')).toEqual([
      '{"big":18446744073709551615,"e":1.10e+3,"s":"\\u00e9é"}',
    ]);
  });

  test("that is indented becomes one line an event", async () => {
    const [event] = await read(JSON.stringify([{ a: [1, 2], b: "x" }], undefined, 2));
    expect(event).not.toMatch(/[\r\n]/);
    expect(JSON.parse(event ?? "")).toEqual({ a: [1, 2], b: "x" });
  });

  test("of any events gives these events, however it is cut in pieces", async () => {
    await assert(
      asyncProperty(
        array(dictionary(string(), jsonValue())),
        integer({ min: 1, max: 40 }),
        constantFrom(0, 2),
        async (events, size, indent) => {
          const text = JSON.stringify(events, undefined, indent);
          const lines = await read(text, size);
          expect(lines.map((line): unknown => JSON.parse(line))).toEqual(JSON.parse(text));
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    ["", "is empty"],
    ["  ", "is empty"],
    ["7", "is neither an array of events nor one event"],
    ['{"a":1', "ends in the middle"],
    ['[{"a":1}', "ends in the middle"],
    ['[{"a":1},]', "lacks an event here (byte 9)"],
    ["[,]", "lacks an event here (byte 1)"],
    ['[{"a":1} {"a":2}]', "lacks a comma here (byte 9)"],
    ['{"a":1}\n{"a":2}', "goes on after its end; one event a line is --format ndjson (byte 8)"],
    ['[{"a":"x\ny"}]', "has a bare control character in a string (byte 8)"],
  ])("%j is refused with the place", async (text, message) => {
    expect(await problem(text)).toContain(message);
    expect(await problem(text, 1)).toContain(message);
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (let n = 0; n < 100; n++) yield Buffer.alloc(MIB, "x");
}

test("a line without end doesn't fill the memory", async () => {
  const lines = readNdjson(endless(), "big.ndjson");
  await expect(lines.next()).rejects.toThrow("an event is longer than 64 MiB");
});
