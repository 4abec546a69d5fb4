import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HeadraceError } from "../../src/errors.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { isStream } from "../../src/project/brands.ts";

const schema = z.object({
  flight_id: z.string(),
  date: z.iso.datetime({ offset: true }),
  day: z.iso.date(),
  delay: z.int32().optional(),
  note: z.string().default(""),
  tags: z.array(z.string()).default([]),
  any: z.unknown(),
  distance: z.number(),
});

/** Options as a project without type checks may give them. */
function define(options: object, name = "flights"): unknown {
  const all = { schema, table: { orderBy: ["date"] }, ...options };
  return defineStream(name, all as Parameters<typeof defineStream>[1]);
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof HeadraceError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "nothing was thrown";
}

test("a stream has its defaults filled in", () => {
  const stream = defineStream("flights", { schema, table: { orderBy: ["date"] } });
  expect(stream).toMatchObject({
    kind: "stream",
    name: "flights",
    description: "",
    id: undefined,
    freshness: 1000,
    table: { orderBy: ["date"], partitionBy: undefined, ttl: undefined },
  });
  expect(stream.schema.idField).toBeUndefined();
  expect(stream.zod).toBe(schema);
  expect(isStream(stream)).toBe(true);
  expect(Object.isFrozen(stream)).toBe(true);
});

test("a stream takes every option as PRODUCT.md writes it", () => {
  const stream = defineStream("flights", {
    description: "One row per departure",
    schema,
    id: { field: "flight_id", window: "2 days" },
    freshness: "250 ms",
    table: {
      orderBy: ["flight_id", "date"],
      partitionBy: "month(date)",
      ttl: { after: "2 years", column: "day" },
    },
  });
  expect(stream).toMatchObject({
    description: "One row per departure",
    id: { field: "flight_id", window: 172_800_000 },
    freshness: 250,
    table: {
      orderBy: ["flight_id", "date"],
      partitionBy: { unit: "month", column: "date" },
      ttl: { count: 2, unit: "year", column: "day" },
    },
  });
  expect(stream.schema.idField).toBe("flight_id");
});

test("an id without a window has one of a day", () => {
  expect(define({ id: "flight_id" })).toMatchObject({ id: { field: "flight_id", window: 86_400_000 } });
});

function fingerprintOf(fields: z.core.$ZodShape, id?: string): string {
  return defineStream("s", {
    schema: z.object(fields) as z.ZodObject,
    ...(id === undefined ? {} : { id }),
    table: { orderBy: ["a"] },
  }).schema.fingerprint;
}

test("the fingerprint changes with the columns and the id, and with nothing else", () => {
  const first = fingerprintOf({ a: z.string() });
  expect(first).toMatch(/^[0-9a-f]{16}$/);
  expect(fingerprintOf({ a: z.string().min(5) })).toBe(first);
  expect(fingerprintOf({ a: z.string() }, "a")).not.toBe(first);
  expect(fingerprintOf({ a: z.int() })).not.toBe(first);
  expect(fingerprintOf({ a: z.string(), b: z.string() })).not.toBe(first);
  expect(fingerprintOf({ a: z.string().meta({ column: "LowCardinality(String)" }) })).not.toBe(first);
});

describe("what can't be used is refused by name, with the way out", () => {
  test.each<[string, object, string]>([
    ["a misspelt option", { freshnes: "1s" }, 'there is no option "freshnes"; did you mean "freshness"?'],
    ["an option that isn't there", { engine: "x" }, "there are description, schema, id, freshness, table"],
    [
      "a misspelt table option",
      { table: { orderBy: ["date"], partitonBy: "month(date)" } },
      'did you mean "partitionBy"?',
    ],
    ["a misspelt id option", { id: { field: "flight_id", windw: "1 day" } }, 'there is no option "id.windw"'],
    [
      "a misspelt ttl option",
      { table: { orderBy: ["date"], ttl: { aftr: "1 day", column: "date" } } },
      'no option "table.ttl.aftr"',
    ],
    [
      "a missing schema",
      { schema: undefined },
      'project_invalid: Stream "flights": `schema` must be a z.object',
    ],
    ["a schema that is no object", { schema: z.string() }, "`schema` must be a z.object({…}) of Zod 4"],
    ["an unknown id", { id: "flight" }, 'id: there is no field "flight"'],
    ["a misspelt id", { id: "flihgt_id" }, 'did you mean "flight_id"?'],
    [
      "an id of another type",
      { id: "distance" },
      'id: field "distance" must be a string, an integer or a UUID',
    ],
    ["an optional id", { id: "delay" }, 'id: field "delay" must be required, without .optional()'],
    ["an id with a default", { id: "note" }, 'id: field "note" must be required'],
    [
      "a bad window",
      { id: { field: "flight_id", window: "soon" } },
      'id.window: "soon" isn\'t a duration, such as',
    ],
    ["a window too long", { id: { field: "flight_id", window: "400 days" } }, "it may be from 1 s to 366 d"],
    ["a bad freshness", { freshness: "fast" }, 'freshness: "fast" isn\'t a duration'],
    ["a freshness that isn't text", { freshness: 1000 }, "freshness: 1000 isn't a duration"],
    ["a freshness too short", { freshness: "1 ms" }, "it may be from 50 ms to 1 h"],
    ["no table", { table: undefined }, "`table` is missing; give at least { orderBy"],
    ["no sort key", { table: {} }, "table.orderBy must list at least one field"],
    ["an empty sort key", { table: { orderBy: [] } }, "table.orderBy must list at least one field"],
    [
      "an unknown sort key",
      { table: { orderBy: ["dat"] } },
      'table.orderBy: there is no field "dat"; did you mean "date"?',
    ],
    [
      "an optional sort key",
      { table: { orderBy: ["delay"] } },
      'field "delay" must be required; take .optional()',
    ],
    ["an array as sort key", { table: { orderBy: ["tags"] } }, 'field "tags" can\'t be sorted by'],
    ["JSON as sort key", { table: { orderBy: ["any"] } }, 'field "any" can\'t be sorted by'],
    ["a sort key twice", { table: { orderBy: ["date", "date"] } }, 'field "date" is there twice'],
    ["a bad partition", { table: { orderBy: ["date"], partitionBy: "date" } }, 'such as "month(date)"'],
    [
      "a partition of no time",
      { table: { orderBy: ["date"], partitionBy: "month(note)" } },
      'field "note" must be a z.iso.date()',
    ],
    [
      "a partition of nothing",
      { table: { orderBy: ["date"], partitionBy: "month(dat)" } },
      'there is no field "dat"',
    ],
    [
      "a bad ttl",
      { table: { orderBy: ["date"], ttl: { after: "ever", column: "date" } } },
      'table.ttl.after: "ever"',
    ],
    [
      "a ttl of no time",
      { table: { orderBy: ["date"], ttl: { after: "1 day", column: "note" } } },
      "table.ttl.column",
    ],
  ])("%s", (_, options, message) => {
    expect(messageOf(() => define(options))).toContain(message);
  });

  test.each(["Flights", "_flights", "1flights", "a b", "a-b", "", "a".repeat(65), "flüge"])(
    "the name %j",
    (name) => {
      expect(messageOf(() => define({}, name))).toMatch(/^project_invalid: The name of stream/);
    },
  );

  test("a name that isn't text", () => {
    expect(messageOf(() => define({}, 5 as unknown as string))).toContain("must be a string, got number");
  });

  test("a name of ours", () => {
    expect(messageOf(() => define({}, "_rejected"))).toContain("names starting with _ are Headrace's own");
  });
});

test("a field with a default may be sorted by, since it is never null", () => {
  expect(define({ table: { orderBy: ["note"] } })).toMatchObject({ table: { orderBy: ["note"] } });
});
