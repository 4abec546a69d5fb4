import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

const marks = defineStream("marks", {
  schema: z.object({ at: z.iso.datetime() }),
  table: { orderBy: ["at"] },
});

/** Rows that don't compress, so that no format makes them small: 150 bytes each and more. */
const large = defineEndpoint("large", {
  params: z.object({ count: z.int().min(0) }),
  limits: { time: 120_000, rows: 1_000_000_000, bytes: 10_000_000_000, memory: 500_000_000 },
  query: ({ count }) => sql`
    SELECT number, toDateTime(number) AS at, hex(sipHash128(number)) || hex(sipHash128(number, 1)) || hex(sipHash128(number, 2)) AS text
    FROM numbers(${count})`,
});

export default defineProject({ name: "large", streams: [marks], endpoints: [large] });
