import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

export const airport = () => z.string().length(3);

/** US flights of the first half of 2001, as vega-datasets has them. */
export const flights = defineStream("flights", {
  description: "One row per departure",
  schema: z.object({
    flight_id: z.string(),
    date: z.iso.datetime({ offset: true }), // scheduled departure; the records have no zone, and are taken as UTC
    delay: z.int32(), // minutes; negative when it arrived early
    distance: z.int32().optional(), // miles
    origin: airport(),
    destination: airport(),
  }),
  id: "flight_id",
  freshness: "1s",
  table: { orderBy: ["origin", "date"], partitionBy: "month(date)" },
});

const delaysByOrigin = defineEndpoint("delays_by_origin", {
  description: "Flights and mean delay of each origin airport",
  params: z.object({
    from: z.iso.date().optional(),
    origin: airport().optional(),
    limit: z.int().min(1).max(1000).default(50),
  }),
  query: ({ from, origin, limit }) => sql`
    SELECT origin, count() AS flights, avg(delay) AS mean_delay
    FROM ${flights}
    WHERE 1 ${from ? sql`AND date >= ${from}` : sql``} ${origin ? sql`AND origin = ${origin}` : sql``}
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
      count() AS flights,
      min(distance) AS miles,
      avg(delay) AS mean_delay
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
      toHour(date) AS hour,
      count() AS flights,
      quantileExact(0.5)(delay) AS median_delay,
      quantileExact(0.95)(delay) AS p95_delay,
      countIf(delay > 15) / count() AS late_share
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
    SELECT toDate(date) AS day, count() AS flights, avg(delay) AS mean_delay, max(delay) AS worst_delay
    FROM ${flights}
    ${origin ? sql`WHERE origin = ${origin}` : sql``}
    GROUP BY day
    HAVING flights >= ${flights_min}
    ORDER BY mean_delay DESC, day
    LIMIT ${limit}`,
});

export default defineProject({
  name: "flights",
  description: "Three million US flights",
  streams: [flights],
  endpoints: [delaysByOrigin, busiestRoutes, delaysByHour, worstDays],
});
