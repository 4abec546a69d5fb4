import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";
import { flightSchema } from "../data/schemas.ts";

/** Without an id, so that its partitions can be loaded by several processes. */
const flights = defineStream("flights", {
  description: "One row per departure",
  schema: z.object(flightSchema.shape),
  table: { orderBy: ["origin", "date"] },
});

const delays = defineEndpoint("delays", {
  description: "In PostgreSQL's SQL. No two questions are the same, so that none is answered from the cache",
  params: z.object({ more: z.int32() }),
  query: ({ more }) =>
    sql`SELECT count(*) AS flights FROM ${flights} WHERE delay > ${more} AND origin = 'ORD'`,
});

export default defineProject({ name: "scale", streams: [flights], endpoints: [delays] });
