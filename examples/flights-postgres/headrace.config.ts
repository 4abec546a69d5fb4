// The flights of examples/flights on PostgreSQL: the stream is the same, the endpoints have their SQL in PostgreSQL's words.
import { defineEndpoint, defineProject, sql } from "headrace";
import { z } from "zod";
import { airport, flights } from "../flights/headrace.config.ts";

const delaysByOrigin = defineEndpoint("delays_by_origin", {
  description: "Flights and mean delay of each origin airport",
  params: z.object({
    from: z.iso.date().optional(),
    origin: airport().optional(),
    limit: z.int().min(1).max(1000).default(50),
  }),
  query: ({ from, origin, limit }) => sql`
    SELECT origin, count(*) AS flights, avg(delay)::float8 AS mean_delay
    FROM ${flights}
    WHERE true ${from ? sql`AND date >= ${from}` : sql``} ${origin ? sql`AND origin = ${origin}` : sql``}
    GROUP BY origin
    ORDER BY flights DESC, origin
    LIMIT ${limit}`,
});

const busiestRoutes = defineEndpoint("busiest_routes", {
  description: "The routes with the most flights, both directions together",
  params: z.object({
    airport: airport().optional(),
    limit: z.int().min(1).max(1000).default(10),
  }),
  query: ({ airport: code, limit }) => sql`
    SELECT
      least(origin, destination) AS one_end,
      greatest(origin, destination) AS other_end,
      count(*) AS flights,
      min(distance) AS miles,
      avg(delay)::float8 AS mean_delay
    FROM ${flights}
    ${code ? sql`WHERE origin = ${code} OR destination = ${code}` : sql``}
    GROUP BY one_end, other_end
    ORDER BY flights DESC, one_end, other_end
    LIMIT ${limit}`,
});

const delaysByHour = defineEndpoint("delays_by_hour", {
  description: "How delays grow over the day: by hour of departure",
  params: z.object({ origin: airport().optional() }),
  query: ({ origin }) => sql`
    SELECT
      extract(hour FROM date)::int AS hour,
      count(*) AS flights,
      (array_agg(delay ORDER BY delay))[floor(0.5 * count(*))::int + 1] AS median_delay,
      (array_agg(delay ORDER BY delay))[floor(0.95 * count(*))::int + 1] AS p95_delay,
      avg((delay > 15)::int)::float8 AS late_share
    FROM ${flights}
    ${origin ? sql`WHERE origin = ${origin}` : sql``}
    GROUP BY hour
    ORDER BY hour`,
});

const worstDays = defineEndpoint("worst_days", {
  description: "The days with the highest mean delay, of an airport or of all",
  params: z.object({
    origin: airport().optional(),
    flights_min: z.int().min(1).default(100), // days with fewer flights don't count
    limit: z.int().min(1).max(366).default(10),
  }),
  query: ({ origin, flights_min, limit }) => sql`
    SELECT date::date AS day, count(*) AS flights, avg(delay)::float8 AS mean_delay, max(delay) AS worst_delay
    FROM ${flights}
    ${origin ? sql`WHERE origin = ${origin}` : sql``}
    GROUP BY day
    HAVING count(*) >= ${flights_min}
    ORDER BY mean_delay DESC, day
    LIMIT ${limit}`,
});

export default defineProject({
  name: "flights",
  description: "Three million US flights, on PostgreSQL",
  streams: [flights],
  endpoints: [delaysByOrigin, busiestRoutes, delaysByHour, worstDays],
});
