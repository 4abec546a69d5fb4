import { assert, constantFrom, property, tuple, uniqueArray } from "fast-check";
import { describe, expect, test } from "vitest";
import { spread, type Holders, type Members } from "../../src/load/spread.ts";

const KEYS = ["a.0", "a.1", "a.2", "b.0", "c.0", "d.0", "e.0"];
const all = (names: readonly string[]): Members => new Map(names.map((name) => [name, new Set(KEYS)]));

const counts = (holders: Holders): number[] => {
  const byName = new Map<string, number>();
  for (const name of holders.values()) byName.set(name, (byName.get(name) ?? 0) + 1);
  return [...byName.values()].sort((a, b) => a - b);
};

const names = uniqueArray(constantFrom("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"), {
  minLength: 1,
});
const holdings = uniqueArray(tuple(constantFrom(...KEYS), constantFrom("m1", "m2", "m3", "gone")), {
  selector: ([key]) => key,
});

describe("the spread of partitions over processes", () => {
  test("is as even as can be, leaves nothing out, and stays once it is there", () => {
    assert(
      property(names, holdings, (members, held) => {
        const result = spread(KEYS, new Map(held), all(members));
        expect([...result.keys()].sort()).toEqual(KEYS);
        const loads = members.map((name) => [...result.values()].filter((one) => one === name).length);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        expect(spread(KEYS, result, all(members))).toEqual(result);
      }),
    );
  });

  test("doesn't hang on the order in which things became known", () => {
    assert(
      property(names, holdings, (members, held) => {
        const one = spread(KEYS, new Map(held), all(members));
        const other = spread(KEYS.toReversed(), new Map(held.toReversed()), all(members.toReversed()));
        expect(Object.fromEntries(other)).toEqual(Object.fromEntries(one));
      }),
    );
  });

  test("moves no more than it takes to make room for one that comes", () => {
    const before = spread(KEYS, new Map(), all(["m1", "m2"]));
    const after = spread(KEYS, before, all(["m1", "m2", "m3"]));
    expect(counts(after)).toEqual([2, 2, 3]);
    expect(KEYS.filter((key) => before.get(key) !== after.get(key))).toHaveLength(2);
    expect(KEYS.filter((key) => before.get(key) !== after.get(key)).map((key) => after.get(key))).toEqual([
      "m3",
      "m3",
    ]);
  });

  test("gives nobody what they can't load: a process of an older declaration doesn't know the new stream", () => {
    const members = new Map([
      ["old", new Set(["a.0", "b.0"])],
      ["new", new Set(["a.0", "b.0", "c.0"])],
    ]);
    const result = spread(["a.0", "b.0", "c.0"], new Map([["c.0", "old"]]), members);
    expect(result.get("c.0")).toBe("new");
    expect(counts(result)).toEqual([1, 2]);
    expect(spread(["x.0"], new Map(), members)).toEqual(new Map());
  });
});
