import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TextColumn, TextColumnBuilder } from "../../src/store/text-column.ts";

const texts = fc.array(
  fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ minLength: 40, maxLength: 60 })),
);

test("a column gives back each of its texts, however they were added", () => {
  fc.assert(
    fc.property(texts, fc.nat({ max: 20 }), (list, expected) => {
      const builder = new TextColumnBuilder(expected);
      for (const [index, text] of list.entries()) {
        const bytes = Buffer.from(`<${text}>`);
        if (index % 2 === 0) builder.addText(text);
        else builder.addBytes(bytes, 1, bytes.length - 1);
      }
      const column = builder.finish();
      expect(column.count).toBe(list.length);
      expect(list.map((_, row) => column.at(row))).toEqual(list);
      expect(column.bytes.toString()).toBe(list.join(""));
    }),
  );
});

test("its first rows are a column too", () => {
  const column = TextColumn.of(["a", "", "ü", "d"]).first(3);
  expect([column.count, column.at(0), column.at(1), column.at(2)]).toEqual([3, "a", "", "ü"]);
});
