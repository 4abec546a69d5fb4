import { z } from "zod";
import { defineEndpoint, defineProject, defineStream, sql } from "../../src/index.ts";

/**
 * A project with one stream and one endpoint, small enough that each of their documented answers can be provoked.
 * @param value What the field `value` takes: what one version rejects, another may take.
 */
export function conformanceProject(value: z.ZodType) {
  const readings = defineStream("readings", {
    description: "What sensors say",
    schema: z.object({ sensor: z.string(), value, note: z.string().optional() }),
    table: { orderBy: ["sensor"] },
  });
  const probe = defineEndpoint("probe", {
    description: "Answers as it is told to",
    params: z.object({
      as: z.enum(["rows", "slow", "large", "failing"]),
      // Requests that differ in it don't share a run.
      nonce: z.int().default(0),
    }),
    query: ({ as, nonce }) => {
      const queries = {
        rows: sql`SELECT sensor, value, note FROM ${readings} ORDER BY sensor LIMIT 10`,
        large: sql`SELECT number FROM numbers(10000)`,
        failing: sql`SELECT throwIf(number >= ${nonce}, 'on purpose') AS failed FROM numbers(1)`,
        // Sleeps in small steps, so that it can be stopped and takes nobody's processor.
        slow: sql`SELECT sum(sleepEachRow(0.05)) AS slept, ${nonce} AS nonce FROM numbers(2000) SETTINGS max_block_size = 1`,
      };
      return queries[as];
    },
    limits: { time: "3s", rows: 100 },
  });
  return defineProject({ name: "conformance", streams: [readings], endpoints: [probe] });
}
