import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

/** Without an id, so that its partitions can be loaded by several processes. */
const flights = defineStream("flights", {
  description: "One row per departure",
  schema: z.object({
    flight_id: z.string(),
    date: z.iso.datetime({ offset: true }),
    delay: z.int32(),
    distance: z.int32().optional(),
    origin: z.string().length(3),
    destination: z.string().length(3),
  }),
  table: { orderBy: ["origin", "date"] },
});

const delays = defineEndpoint("delays", {
  description: "In PostgreSQL's SQL. No two questions are the same, so that none is answered from the cache",
  params: z.object({ more: z.int32() }),
  query: ({ more }) =>
    sql`SELECT count(*) AS flights FROM ${flights} WHERE delay > ${more} AND origin = 'ORD'`,
});

export default defineProject({ name: "scale", streams: [flights], endpoints: [delays] });
