import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createIdCopier, type IdCopier } from "../../../src/project/fast-validator/id-reader.ts";

function idOf(line: string, copy: IdCopier): string {
  // The line stands among others, as in a batch.
  const before = Buffer.from('{"id":"before"}\n');
  const bytes = Buffer.from(line);
  const body = Buffer.concat([before, bytes, Buffer.from('\n{"id":"after"}\n')]);
  let id: string | undefined;
  copy(body, before.length, before.length + bytes.length, {
    addBytes: (from, start, end) => (id = from.toString("utf8", start, end)),
    addText: (text) => (id = text),
  });
  return id ?? "nothing was copied";
}

const copy = createIdCopier("id");

describe("an event's id", () => {
  test.each([
    ['{"id":"a-1","x":1}', "a-1"],
    ['{"x":1,"id":"a-1"}', "a-1"],
    ['{"id":12}', "12"],
    ['{"id":-9223372036854775808}', "-9223372036854775808"],
    ['{"id":18446744073709551615,"x":1}', "18446744073709551615"],
    ['{"id":"18446744073709551615"}', "18446744073709551615"],
    ['{ "x" : "id" ,\t"id" : 7 }', "7"],
    ['{"x":{"id":1,"y":[{"id":2}]},"id":3}', "3"],
    ['{"x":["id",{"id":1}],"id":3}', "3"],
    ['{"x":"\\"id\\":1,}","id":3}', "3"],
    ['{"x":"\\\\","id":3}', "3"],
    ['{"id ":1,"Id":2,"idd":4,"i":5,"":6,"id":3}', "3"],
    ['{"\\u0069d":"escaped"}', "escaped"],
    ['{"\\u0069\\u0064x":1,"id":"plain"}', "plain"],
    ['{"id":"\\u00e9\\n\\"\\\\\\ud83d\\ude00"}', 'é\n"\\😀'],
    ['{"id":"é😀"}', "é😀"],
    ['{"é":1,"id":""}', ""],
    ['{"x":null,"y":true,"z":-1.5e-7,"id":1}', "1"],
  ])("of %s", (line, id) => {
    expect(idOf(line, copy)).toBe(id);
  });

  test("is in lower case when it is a UUID, and only then", () => {
    const line = '{"id":"550E8400-E29B-41D4-A716-446655440000"}';
    expect(idOf(line, createIdCopier("id", "uuid"))).toBe("550e8400-e29b-41d4-a716-446655440000");
    expect(idOf(line, copy)).toBe("550E8400-E29B-41D4-A716-446655440000");
  });

  test("is what JSON.parse finds in any line, however the line is written", () => {
    const key = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("id", "i", '"id"', "\\id"));
    const space = fc.constantFrom("", " ", "\t", "\n ");
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(key, fc.json()), { selector: ([name]) => name }),
        fc.oneof(fc.string({ unit: "grapheme" }), fc.integer()),
        fc.nat(),
        space,
        fc.boolean(),
        (members, id, place, gap, escaped) => {
          const others = members
            .filter(([name]) => name !== "id")
            .map(([name, value]) => `${JSON.stringify(name)}:${value}`);
          const name = escaped ? '"\\u0069d"' : '"id"';
          const own = `${name}${gap}:${gap}${escaped && typeof id === "string" && /^[a-z]*$/.test(id) ? escape(id) : JSON.stringify(id)}`;
          const line = `${gap}{${gap}${others.toSpliced(place % (others.length + 1), 0, own).join(`${gap},${gap}`)}${gap}}${gap}`;
          expect(idOf(line, copy)).toBe(String(id));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each(["{}", '{"x":{"id":1}}', '{"x":"id"}', '{"x":1', '{"id":', "", "12"])(
    "that %s doesn't have is an error",
    (line) => {
      expect(() => idOf(line, copy)).toThrow('A stored line has no "id"');
    },
  );
});

/** The text as JSON with every letter escaped. */
function escape(text: string): string {
  return `"${text.replaceAll(/[a-z]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`)}"`;
}
