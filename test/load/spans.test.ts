import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  extent,
  has,
  join,
  offsetsOf,
  sizeOf,
  sizeWithin,
  spansOf,
  split,
  subtract,
  union,
  within,
} from "../../src/load/spans.ts";

const offsets = fc
  .uniqueArray(fc.nat({ max: 60 }), { maxLength: 40 })
  .map((list) => list.sort((a, b) => a - b));
const range = fc
  .tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 }))
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));

test("spans of offsets are sorted, disjoint, don't touch, and hold exactly these", () => {
  fc.assert(
    fc.property(offsets, (list) => {
      const spans = spansOf(list);
      expect([...offsetsOf(spans)]).toEqual(list);
      expect(sizeOf(spans)).toBe(list.length);
      for (const [index, span] of spans.entries()) {
        expect(span.from).toBeLessThan(span.to);
        expect(span.from).toBeGreaterThan(spans[index - 1]?.to ?? -1);
      }
    }),
  );
});

test("set operations agree with those on sets", () => {
  fc.assert(
    fc.property(offsets, offsets, range, (a, b, span) => {
      const [left, right] = [spansOf(a), spansOf(b)];
      expect([...offsetsOf(union(left, right))]).toEqual([...new Set([...a, ...b])].sort((x, y) => x - y));
      expect([...offsetsOf(subtract(left, right))]).toEqual(a.filter((offset) => !b.includes(offset)));
      expect([...offsetsOf(within(left, span))]).toEqual(
        a.filter((offset) => offset >= span.from && offset < span.to),
      );
      expect(sizeWithin(left, span)).toBe(sizeOf(within(left, span)));
      for (let offset = 0; offset <= 61; offset++) expect(has(left, offset)).toBe(a.includes(offset));
    }),
  );
});

test("a split cuts after so many offsets and loses none", () => {
  fc.assert(
    fc.property(offsets, fc.nat({ max: 50 }), (list, size) => {
      const [head, tail] = split(spansOf(list), size);
      expect([...offsetsOf(head)]).toEqual(list.slice(0, size));
      expect([...offsetsOf(tail)]).toEqual(list.slice(size));
    }),
  );
});

test("joining merges what touches or overlaps and leaves out what is empty", () => {
  const spans = [
    { from: 0, to: 2 },
    { from: 2, to: 4 },
    { from: 3, to: 3 },
    { from: 3, to: 5 },
    { from: 7, to: 7 },
    { from: 8, to: 9 },
  ];
  expect(join(spans)).toEqual([
    { from: 0, to: 5 },
    { from: 8, to: 9 },
  ]);
});

test("the extent reaches from the first to the last, and nothing has none", () => {
  expect(extent(spansOf([3, 4, 9]))).toEqual({ from: 3, to: 10 });
  expect(() => extent([])).toThrow(RangeError);
});
