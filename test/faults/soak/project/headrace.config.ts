import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

const readings = defineStream("readings", {
  description: "Most of the load",
  schema: z.object({
    n: z.int32(),
    at: z.iso.datetime({ offset: true }),
    sensor: z.string(),
    value: z.float64(),
    text: z.string(),
  }),
  freshness: "1s",
  table: { orderBy: ["sensor", "at"] },
});

/** A short window, so that the memory for ids is full soon and must then stay as it is. */
const orders = defineStream("orders", {
  description: "Events with ids, some of them sent twice",
  schema: z.object({ order: z.string(), n: z.int32() }),
  id: { field: "order", window: "1 minute" },
  freshness: "1s",
  table: { orderBy: ["n"] },
});

const bySensor = defineEndpoint("by_sensor", {
  description: "Mean and count of each sensor",
  params: z.object({ least: z.int32().default(0) }),
  limits: { time: "30s" },
  query: ({ least }) =>
    sql`SELECT sensor, count() AS readings, avg(value) AS mean FROM ${readings} WHERE n >= ${least} GROUP BY sensor ORDER BY sensor`,
});

export default defineProject({ name: "soak", streams: [readings, orders], endpoints: [bySensor] });
