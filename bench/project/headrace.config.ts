import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";
import { flightSchema, orderSchema } from "../data/schemas.ts";

/** For the row that asks what more streams cost: so many like `flights`. */
const STREAMS = Number(process.env["BENCH_STREAMS"] ?? 0);

const TABLE = { orderBy: ["origin", "date"], partitionBy: "month(date)" } as const;

const flights = defineStream("flights", {
  description: "One row per departure",
  schema: flightSchema,
  id: "flight_id",
  freshness: "1s",
  table: TABLE,
});

/** The same without ids: exactly once all the same, but a flight that is sent again in another request counts again. */
const flightsWithoutId = defineStream("flights_without_id", {
  schema: flightSchema,
  freshness: "1s",
  table: TABLE,
});

/** The same with a promise four times as short. */
const flightsSooner = defineStream("flights_sooner", {
  schema: flightSchema,
  id: "flight_id",
  freshness: "250ms",
  table: TABLE,
});

const orders = defineStream("orders", {
  description: "A wide event of about 1 kB with nested fields",
  schema: orderSchema,
  id: "order_id",
  freshness: "1s",
  table: { orderBy: ["at"], partitionBy: "month(at)" },
});

const copies = Array.from({ length: STREAMS }, (_, index) =>
  defineStream(`flights_${index}`, {
    schema: flightSchema,
    id: "flight_id",
    freshness: "1s",
    table: TABLE,
  }),
);

const delaysByOrigin = defineEndpoint("delays_by_origin", {
  description: "Flights and mean delay of each origin airport",
  params: z.object({
    from: z.iso.date().optional(),
    origin: z.string().length(3).optional(),
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

export default defineProject({
  name: "bench",
  streams: STREAMS > 0 ? copies : [flights, flightsWithoutId, flightsSooner, orders],
  endpoints: STREAMS > 0 ? [] : [delaysByOrigin],
});
