import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineStream } from "../../../src/project/define-stream.ts";
import { eventTypeOf } from "../../../src/project/schema/stream-schema.ts";

const declare = (field: z.ZodType) =>
  defineStream("s", { schema: z.object({ n: z.int32(), field }), table: { orderBy: ["n"] } });

const attributeOf = (field: z.ZodType): string | undefined =>
  eventTypeOf(declare(field).zod, "s").fields[1]?.cloudEvent;

describe(".meta({ cloudevent })", () => {
  test.each([
    ["the type", z.string().meta({ cloudevent: "subject" })],
    ["the wrapper", z.string().optional().meta({ cloudevent: "subject" })],
    ["a layer inside", z.string().meta({ cloudevent: "subject" }).optional()],
    ["a field with a column", z.string().meta({ cloudevent: "subject", column: "LowCardinality(String)" })],
  ])("is found on %s", (_name, field) => {
    expect(attributeOf(field)).toBe("subject");
  });

  test("is nothing when it isn't said", () => {
    expect(attributeOf(z.string())).toBeUndefined();
  });

  test("says nothing about the columns: the table stays as it is", () => {
    const plain = declare(z.string()).schema;
    expect(declare(z.string().meta({ cloudevent: "subject" })).schema).toEqual(plain);
  });

  test.each<[string, z.ZodType, string]>([
    [
      "no name",
      z.string().meta({ cloudevent: "Not A Name" }),
      `"Not A Name" isn't the name of a CloudEvents attribute`,
    ],
    ["no text", z.string().meta({ cloudevent: 5 }), "cloudevent 5 isn't the name"],
    ["the data itself", z.string().meta({ cloudevent: "data" }), `"data" isn't the name`],
    ["an array", z.array(z.string()).default([]).meta({ cloudevent: "tags" }), "texts, numbers or booleans"],
    ["an object", z.object({ a: z.string() }).meta({ cloudevent: "x" }), "texts, numbers or booleans"],
    ["any JSON", z.unknown().meta({ cloudevent: "x" }), "texts, numbers or booleans"],
    [
      "a field inside another",
      z.object({ a: z.string().meta({ cloudevent: "x" }) }),
      "can't fill a nested value",
    ],
    ["items of an array", z.array(z.string().meta({ cloudevent: "x" })), "can't fill a nested value"],
    [
      "values of a record",
      z.record(z.string(), z.string().meta({ cloudevent: "x" })),
      "can't fill a nested value",
    ],
  ])("is refused for %s, naming the field", (_name, field, message) => {
    expect(() => declare(field)).toThrow(
      expect.objectContaining({ code: "schema_unsupported", message: expect.stringContaining(message) }),
    );
    expect(() => declare(field)).toThrow('Stream "s", field "field');
  });
});
