import { assert, integer, nat, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { objectJsonSchema } from "../../src/serve/openapi/json-schema.ts";
import { sampleValue } from "../../src/serve/openapi/sample-value.ts";

const types: readonly (readonly [string, z.ZodType])[] = [
  ["string", z.string()],
  ["string of a length", z.string().length(3)],
  ["long string", z.string().min(40)],
  ["short string", z.string().max(2)],
  ["date", z.iso.date()],
  ["datetime", z.iso.datetime({ offset: true })],
  ["time", z.iso.time()],
  ["pattern", z.string().regex(/^[A-Z]{3}$/)],
  ["uuid", z.uuid()],
  ["ipv4", z.ipv4()],
  ["ipv6", z.ipv6()],
  ["email", z.email()],
  ["url", z.url()],
  ["int", z.int()],
  ["int32", z.int32()],
  ["uint32", z.uint32()],
  ["int with bounds", z.int().min(10).max(20)],
  ["int above", z.int().gt(99)],
  ["int below", z.int().lt(-5)],
  ["multiple", z.int().multipleOf(7).min(8)],
  ["number", z.number().gt(0).lt(1)],
  ["boolean", z.boolean()],
  ["enum", z.enum(["a", "b"])],
  ["literal", z.literal("x")],
  ["array", z.array(z.int()).min(2)],
  ["object", z.object({ a: z.int(), b: z.string().optional() })],
  ["union", z.union([z.iso.date(), z.int()])],
  ["nullable", z.string().nullable()],
  ["with a default", z.int().min(1).default(7)],
  [
    "with an example",
    z
      .string()
      .regex(/^[A-Z]{2}\d$/)
      .meta({ examples: ["AB1"] }),
  ],
];

describe("a sample value", () => {
  it.each(types)("fits its schema: %s", (_name, type) => {
    const { properties } = objectJsonSchema(z.object({ it: type }));
    const value = sampleValue(properties["it"] ?? {});
    expect(value).toBeDefined();
    expect(type.safeParse(value).error).toBeUndefined();
  });

  it("fits integers of any bounds", () => {
    assert(
      property(integer(), nat(), (min, span) => {
        const type = z
          .int()
          .min(min)
          .max(min + span);
        const { properties } = objectJsonSchema(z.object({ it: type }));
        expect(type.safeParse(sampleValue(properties["it"] ?? {})).error).toBeUndefined();
      }),
    );
  });

  it("isn't made up for a type without a schema", () => {
    const { properties } = objectJsonSchema(z.object({ it: z.unknown() }));
    expect(sampleValue(properties["it"] ?? {})).toBeUndefined();
  });
});
