import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { both, LIMITS } from "./both.ts";
import { arrayKind, declareOne, mapKind, objectKind } from "./declared-events.ts";
import { SCALARS, type ValueKind } from "./value-kinds.ts";

/** Fails for a good event that the fast validator leaves to the slow path. */
function expectFast({ schema, good }: { schema: z.ZodObject; good: fc.Arbitrary<string> }): void {
  const { tryFast, reference } = both(schema);
  fc.assert(
    fc.property(good, (text) => {
      const event = Buffer.from(text);
      expect(tryFast(event), text).toBe(true);
      expect(reference.validate(event, 0, event.length), text).toBeInstanceOf(Buffer);
    }),
    { numRuns: 300 },
  );
}

const fastKinds = SCALARS.filter((kind) => kind.fast).map((kind): [string, ValueKind] => [kind.name, kind]);

describe("good events never need the slow path", () => {
  test.each(fastKinds)("with a value of kind %s", (_name, kind) => {
    expectFast(declareOne(kind, "required"));
    expectFast(declareOne(kind, kind.name === "json" ? "required" : "nullish"));
  });

  test.each(fastKinds.filter(([name]) => name !== "low cardinality"))(
    "with arrays, maps and objects of %s",
    (_name, kind) => {
      expectFast(declareOne(arrayKind(kind, true), "required"));
      expectFast(declareOne(mapKind(kind, true), "required"));
      expectFast(
        declareOne(arrayKind(objectKind([{ name: "inner", presence: "required", kind }]), false), "required"),
      );
    },
  );

  test("in any order of the fields, with spaces and tabs between tokens", () => {
    const { tryFast } = both(
      z.object({ a: z.int32(), b: z.string(), c: z.boolean().optional(), "d-e": z.number() }),
    );
    const members = ['"a":1', '"b" : "x"', '"c":\ttrue', ' "d-e":1.5 '];
    fc.assert(
      fc.property(fc.shuffledSubarray(members, { minLength: 4 }), (order) => {
        expect(tryFast(Buffer.from(` {${order.join(",")}}\t`))).toBe(true);
      }),
    );
  });

  test("with more fields than fit one word of bits, all of which are required and none doubled", () => {
    const names = Array.from({ length: 200 }, (_, index) => `a_rather_long_name_${index}`);
    const { tryFast } = both(z.object(Object.fromEntries(names.map((name) => [name, z.int32()]))));
    const members = names.map((name, index) => `"${name}":${index}`);
    expect(tryFast(Buffer.from(`{${members.join(",")}}`))).toBe(true);
    expect(tryFast(Buffer.from(`{${members.toReversed().join(",")}}`))).toBe(true);
    for (const [index, member] of members.entries()) {
      expect(tryFast(Buffer.from(`{${members.toSpliced(index, 1).join(",")}}`)), member).toBeUndefined();
      expect(
        tryFast(Buffer.from(`{${members.toSpliced(index, 0, member).join(",")}}`)),
        member,
      ).toBeUndefined();
    }
  });
});

describe("the fast validator", () => {
  const schema = z.object({ a: z.string(), b: z.array(z.array(z.int32())).default([]) });

  test("judges the bytes between start and end, and none beyond", () => {
    const { tryFast } = both(schema);
    const event = '{"a":"x","b":[[1]]}';
    const body = Buffer.from(`${event},${event}\n`);
    expect(tryFast(body, 0, event.length)).toBe(true);
    expect(tryFast(body, event.length + 1, 2 * event.length + 1)).toBe(true);
    for (let end = 0; end < body.length; end++) {
      if (end !== event.length) expect(tryFast(body, 0, end), String(end)).toBeUndefined();
    }
  });

  test("leaves an event of one byte over the limit to the slow path", () => {
    const event = (length: number): Buffer => Buffer.from(`{"a":"${"x".repeat(length - 15)}","b":[]}`);
    const { tryFast } = both(schema, { ...LIMITS, eventBytes: 100 });
    expect(event(100)).toHaveLength(100);
    expect(tryFast(event(100))).toBe(true);
    expect(tryFast(event(101))).toBeUndefined();
  });

  test("leaves arrays, objects and JSON one level over the limit to the slow path", () => {
    const event = Buffer.from('{"a":"x","b":[[1]]}');
    expect(both(schema, { ...LIMITS, nesting: 3 }).tryFast(event)).toBe(true);
    expect(both(schema, { ...LIMITS, nesting: 2 }).tryFast(event)).toBeUndefined();
    const json = Buffer.from('{"a":[[{}]]}');
    const any = z.object({ a: z.unknown() });
    expect(both(any, { ...LIMITS, nesting: 4 }).tryFast(json)).toBe(true);
    expect(both(any, { ...LIMITS, nesting: 3 }).tryFast(json)).toBeUndefined();
    expect(both(any, { ...LIMITS, nesting: 0 }).tryFast(json)).toBeUndefined();
  });

  test("stays right for maps and JSON after it has given up in the middle of many of them", () => {
    const { tryFast } = both(z.object({ a: z.record(z.string(), z.int32()) }));
    const keys = Array.from({ length: 20 }, (_, index) => `"k${index}":${index}`).join(",");
    for (let round = 0; round < 100; round++) {
      expect(tryFast(Buffer.from(`{"a":{${keys},"k0":0}}`))).toBeUndefined();
      expect(tryFast(Buffer.from(`{"a":{${keys}}}`))).toBe(true);
    }
  });

  test("leaves objects of very many keys to the slow path rather than comparing each with each", () => {
    const { tryFast } = both(z.object({ a: z.array(z.record(z.string(), z.int32())) }));
    const map = (count: number): string =>
      `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(",")}}`;
    expect(
      tryFast(
        Buffer.from(`{"a":[${map(40)},${map(40)},${map(40)},${map(40)},${map(40)},${map(40)},${map(40)}]}`),
      ),
    ).toBe(true);
    expect(tryFast(Buffer.from(`{"a":[${map(49)}]}`))).toBeUndefined();
  });

  test("is the slow validator when Zod must judge the whole event", () => {
    const { tryFast } = both(schema.refine(() => true) as unknown as z.ZodObject);
    expect(tryFast(Buffer.from('{"a":"x","b":[]}'))).toBeUndefined();
  });

  test("fills in no default and drops no field by itself", () => {
    expect(both(schema).tryFast(Buffer.from('{"a":"x"}'))).toBeUndefined();
    expect(both(z.looseObject({ a: z.string() })).tryFast(Buffer.from('{"a":"x","c":1}'))).toBeUndefined();
  });
});
