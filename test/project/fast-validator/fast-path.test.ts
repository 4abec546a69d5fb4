import { isUtf8 } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { both, LIMITS } from "./both.ts";
import { arrayKind, declareOne, mapKind, objectKind, type Declared } from "./declared-events.ts";
import { SCALARS, type ValueKind } from "./value-kinds.ts";

const EVENTS_PER_DECLARATION = 300;

/** Good events that the fast validator leaves to the slow path, or that the reference rejects. */
function notFast({ schema, good }: Declared): readonly string[] {
  const { tryFast, reference } = both(schema);
  return fc.sample(good, EVENTS_PER_DECLARATION).filter((text) => {
    const event = Buffer.from(text);
    return tryFast(event) !== true || !Buffer.isBuffer(reference.validate(event, 0, event.length));
  });
}

const fastKinds = SCALARS.filter((kind) => kind.fast).map((kind): [string, ValueKind] => [kind.name, kind]);

describe("good events never need the slow path", () => {
  test.each(fastKinds)("with a value of kind %s", (_name, kind) => {
    expect(notFast(declareOne(kind, "required"))).toEqual([]);
    expect(notFast(declareOne(kind, kind.name === "json" ? "required" : "nullish"))).toEqual([]);
  });

  test.each(fastKinds.filter(([name]) => name !== "low cardinality"))(
    "with arrays, maps and objects of %s",
    (_name, kind) => {
      expect(notFast(declareOne(arrayKind(kind, true), "required"))).toEqual([]);
      expect(notFast(declareOne(mapKind(kind, true), "required"))).toEqual([]);
      expect(
        notFast(
          declareOne(
            arrayKind(objectKind([{ name: "inner", presence: "required", kind }]), false),
            "required",
          ),
        ),
      ).toEqual([]);
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
      expect(tryFast(Buffer.from(`{${members.toSpliced(index, 1).join(",")}}`))).toBeUndefined();
      expect(tryFast(Buffer.from(`{${members.toSpliced(index, 0, member).join(",")}}`))).toBeUndefined();
    }
  });
});

describe("text beyond ASCII", () => {
  test("is accepted exactly when it is UTF-8, in strings, in keys of maps and in JSON", () => {
    const string = both(z.object({ a: z.string() }));
    const map = both(z.object({ a: z.record(z.string(), z.int32()) }));
    const json = both(z.object({ a: z.unknown() }));
    const tails = [
      [],
      [0x80],
      [0xbf],
      [0x7f],
      [0xc0],
      [0x80, 0x80],
      [0xbf, 0xbf],
      [0x80, 0x7f],
      [0x80, 0xc0],
      [0x41],
    ];
    const wrong: string[] = [];
    let accepted = 0;
    for (let first = 0x80; first <= 0xff; first++) {
      for (let second = 0x23; second <= 0xff; second++) {
        if (second === 0x5c) continue; // a backslash begins an escape
        for (const tail of tails) {
          const text = Buffer.from([first, second, ...tail]);
          const valid = isUtf8(text) || undefined;
          const verdicts = [
            string.tryFast(around('{"a":"', text, '"}')),
            map.tryFast(around('{"a":{"', text, '":1}}')),
            json.tryFast(around('{"a":["', text, '"]}')),
          ];
          if (verdicts.some((verdict) => verdict !== valid)) wrong.push(text.toString("hex"));
          if (valid) accepted++;
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(accepted).toBeGreaterThan(1000);
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
      expect(tryFast(body, 0, end)).toBe(end === event.length || undefined);
    }
  });

  test("leaves an event of one byte over the limit to the slow path", () => {
    const { tryFast } = both(schema, { ...LIMITS, eventBytes: 100 });
    expect(eventOf(100)).toHaveLength(100);
    expect(tryFast(eventOf(100))).toBe(true);
    expect(tryFast(eventOf(101))).toBeUndefined();
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
    expect(
      tryFast(
        Buffer.from(
          `{"a":[${mapOf(40)},${mapOf(40)},${mapOf(40)},${mapOf(40)},${mapOf(40)},${mapOf(40)},${mapOf(40)}]}`,
        ),
      ),
    ).toBe(true);
    expect(tryFast(Buffer.from(`{"a":[${mapOf(49)}]}`))).toBeUndefined();
  });

  test("takes arrays of as many elements as declared, and no others", () => {
    const { tryFast } = both(z.object({ a: z.array(z.int32()).min(1).max(3) }));
    const verdicts = ["[]", "[1]", "[1,2,3]", "[1,2,3,4]", "[1,]", "[1 2]"].map((list) =>
      tryFast(Buffer.from(`{"a":${list}}`)),
    );
    expect(verdicts).toEqual([undefined, true, true, undefined, undefined, undefined]);
  });

  test("is the slow validator when Zod must judge the whole event", () => {
    const { tryFast } = both(schema.refine(() => true));
    expect(tryFast(Buffer.from('{"a":"x","b":[]}'))).toBeUndefined();
  });

  test("fills in no default and drops no field by itself", () => {
    expect(both(schema).tryFast(Buffer.from('{"a":"x"}'))).toBeUndefined();
    expect(both(z.looseObject({ a: z.string() })).tryFast(Buffer.from('{"a":"x","c":1}'))).toBeUndefined();
  });
});

function around(before: string, text: Buffer, after: string): Buffer {
  return Buffer.concat([Buffer.from(before), text, Buffer.from(after)]);
}

/** An event of so many bytes. */
function eventOf(length: number): Buffer {
  return Buffer.from(`{"a":"${"x".repeat(length - 15)}","b":[]}`);
}

/** A map of so many keys. */
function mapOf(count: number): string {
  return `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(",")}}`;
}
