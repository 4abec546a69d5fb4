import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import {
  defineEndpoint,
  defineProject,
  defineStream,
  type EventOf,
  type ParamsOf,
  type Project,
  sql,
} from "../../src/index.ts";

// tsc checks these; at run time they only have to run.

const flights = defineStream("flights", {
  schema: z.object({
    flight_id: z.string(),
    date: z.iso.datetime({ offset: true }),
    delay: z.int32().optional(),
    seats: z.int64(),
    tags: z.array(z.string()).default([]),
  }),
  id: { field: "flight_id", window: "2 days" },
  table: {
    orderBy: ["flight_id", "date"],
    partitionBy: "month(date)",
    ttl: { after: "2 years", column: "date" },
  },
});

const delays = defineEndpoint("delays", {
  params: z.object({
    from: z.iso.date().optional(),
    limit: z.int().default(50),
    id: z.int64(),
  }),
  query: (params) => {
    expectTypeOf(params).toEqualTypeOf<{ from?: string | undefined; limit: number; id: bigint }>();
    return sql`SELECT * FROM ${flights} LIMIT ${params.limit}`;
  },
});

test("EventOf is what a producer sends", () => {
  expectTypeOf<EventOf<typeof flights>>().toEqualTypeOf<{
    flight_id: string;
    date: string;
    delay?: number | undefined;
    seats: bigint;
    tags?: string[] | undefined;
  }>();
});

test("ParamsOf is what query sees", () => {
  expectTypeOf<ParamsOf<typeof delays>>().toEqualTypeOf<{
    from?: string | undefined;
    limit: number;
    id: bigint;
  }>();
});

test("an endpoint without params has none", () => {
  const one = defineEndpoint("one", { query: () => sql`SELECT 1` });
  expectTypeOf<ParamsOf<typeof one>>().toEqualTypeOf<Record<string, never>>();
});

test("streams and endpoints of any shape fit into a project", () => {
  expectTypeOf(
    defineProject({ name: "airport", streams: [flights], endpoints: [delays] }),
  ).toEqualTypeOf<Project>();
});

test("names of fields are checked where they are written", () => {
  const schema = z.object({ date: z.iso.date() });
  expectTypeOf(defineStream<typeof schema>)
    .parameter(1)
    .toHaveProperty("table")
    .toHaveProperty("orderBy")
    .toEqualTypeOf<readonly "date"[]>();
  expectTypeOf(defineStream<typeof schema>)
    .parameter(1)
    .toHaveProperty("id")
    .toEqualTypeOf<"date" | { readonly field: "date"; readonly window?: string } | undefined>();
});

test("the sql tag takes streams, sql and values, and nothing else", () => {
  expectTypeOf(sql).toBeCallableWith(["", ""] as unknown as TemplateStringsArray, flights);
  expectTypeOf(sql).toBeCallableWith(["", ""] as unknown as TemplateStringsArray, sql`1`);
  expectTypeOf(sql).toBeCallableWith(["", ""] as unknown as TemplateStringsArray, [
    1,
    "a",
    null,
    5n,
    new Date(),
  ]);
  expectTypeOf<undefined>().not.toExtend<Parameters<typeof sql>[1]>();
  expectTypeOf<{ a: number }>().not.toExtend<Parameters<typeof sql>[1]>();
});
