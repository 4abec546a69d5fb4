import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

const flights = defineStream("flights", {
  description: "One row per departure",
  schema: z.object({
    flight_id: z.string(),
    date: z.iso.datetime({ offset: true }),
    delay: z.int32(),
    origin: z.string().length(3),
    passengers: z.uint64().optional(),
    tags: z.array(z.string()).default([]),
  }),
  id: "flight_id",
  freshness: "200ms",
  table: {
    orderBy: ["origin", "date"],
    partitionBy: "month(date)",
    ttl: { after: "50 years", column: "date" },
  },
});

const delays = defineEndpoint("delays_by_origin", {
  description: "Flights and mean delay of each origin",
  params: z.object({
    from: z.iso.datetime({ offset: true }).optional(),
    origin: z.array(z.string()).optional(),
    limit: z.int().min(1).default(10),
  }),
  query: ({ from, origin, limit }) => sql`
    SELECT origin, count(*) AS flights, avg(delay)::float8 AS mean_delay, max(date) AS latest, sum(passengers) AS passengers
    FROM ${flights}
    WHERE true ${from === undefined ? sql`` : sql`AND date >= ${from}`}
      ${origin === undefined ? sql`` : sql`AND origin = ANY (${origin})`}
    GROUP BY origin ORDER BY flights DESC, origin LIMIT ${limit}`,
});

const clickhouse = defineEndpoint("of_clickhouse", {
  description: "SQL of another store",
  query: () => sql`SELECT origin,
    countIf(delay > 15) AS late FROM ${flights} GROUP BY origin`,
});

export default defineProject({
  name: "airport",
  streams: [flights],
  endpoints: process.env["TEST_WITH_CLICKHOUSE_SQL"] === "1" ? [delays, clickhouse] : [delays],
});
