import { expect, test } from "vitest";
import { z } from "zod";
import { fitsQuery } from "../../../src/cli/generate/query-string.ts";
import { objectJsonSchema } from "../../../src/serve/openapi/json-schema.ts";

// Which parameters may go in a URL: those whose text is read there as what it was.

test.each<[string, z.ZodType, boolean]>([
  ["text", z.string(), true],
  ["numbers", z.number().optional(), true],
  ["what may be null", z.string().nullable(), true],
  ["booleans", z.boolean().default(false), true],
  ["64-bit integers", z.int64().optional(), true],
  ["64-bit integers or null", z.int64().nullable(), true],
  ["enums", z.enum(["a", "b"]), true],
  ["literals of one kind", z.literal([1, 2, null]), true],
  ["lists", z.array(z.int()), true],
  ["literals of several kinds", z.literal([1, "1"]), false],
  ["a text or a number", z.union([z.string(), z.number()]), false],
  ["a text or a boolean", z.union([z.boolean(), z.string()]), false],
  ["an integer or digits", z.union([z.int(), z.string().regex(/^\d+$/)]), false],
  ["tuples", z.tuple([z.number()]), false],
  ["lists of lists", z.array(z.array(z.string())), false],
  ["objects", z.object({ a: z.string() }), false],
  ["records", z.record(z.string(), z.string()), false],
  ["anything", z.unknown(), false],
  ["dates as objects", z.date(), false],
])("%s", (_what, type, fits) => {
  expect(fitsQuery(objectJsonSchema(z.object({ plain: z.string(), value: type })))).toBe(fits);
});

test("parameters of any name go in a body", () => {
  expect(fitsQuery(objectJsonSchema(z.looseObject({})))).toBe(false);
});
