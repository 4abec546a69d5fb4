import { expect, test } from "vitest";
import { z } from "zod";
import { slowFields } from "../../../src/cli/check/slow-fields.ts";
import { defineStream } from "../../../src/index.ts";

const table = { orderBy: ["id" as const] };

test("fields that only Zod can judge are named by their paths", () => {
  const stream = defineStream("orders", {
    schema: z.object({
      id: z.string(),
      count: z.int32().refine((n) => n % 2 === 0),
      mail: z.string().refine((text) => text.includes("@")),
      tags: z.array(z.string().refine((tag) => tag !== "")).default([]),
      address: z.object({ zip: z.string().refine((zip) => zip !== "0"), city: z.string() }),
    }),
    table,
  });
  expect(slowFields(stream)).toEqual(["count", "mail", "tags", "address.zip"]);
});

test("a refinement of the whole event has no path", () => {
  const schema = z.object({ id: z.string(), from: z.int32(), to: z.int32() });
  const stream = defineStream("spans", { schema: schema.refine(({ from, to }) => from <= to), table });
  expect(slowFields(stream)).toEqual([""]);
});

test("a stream that the generated validator covers has none", () => {
  const schema = z.object({
    id: z.string().max(10),
    n: z.int64(),
    at: z.iso.datetime(),
    tags: z.array(z.int32()).default([]),
  });
  expect(slowFields(defineStream("plain", { schema, table }))).toEqual([]);
});
