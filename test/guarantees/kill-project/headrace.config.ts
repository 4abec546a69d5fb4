import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

const schema = z.object({
  n: z.int32(),
  writer: z.string(),
  at: z.iso.datetime({ offset: true }),
  big: z.int64(),
  ratio: z.float64().optional(),
  text: z.string(),
  tags: z.array(z.string()).default([]),
});

/** No id: nothing hides an event that is stored twice. */
export const plain = defineStream("plain", {
  description: "Every event has a number of its own",
  schema,
  freshness: "200ms",
  table: { orderBy: ["n"] },
});

/** With an id: producers that send an event twice. */
export const unique = defineStream("unique", {
  description: "The same, and each event is sent more than once",
  schema,
  id: "n",
  freshness: "200ms",
  table: { orderBy: ["n"] },
});

const limits = { rows: 5_000_000, bytes: 1_000_000_000, time: "60s" };

export const plainRows = defineEndpoint("plain_rows", {
  description: "Every row as it is stored",
  params: z.object({}),
  limits,
  query: () => sql`SELECT n, writer, at, big, ratio, text, tags FROM ${plain} ORDER BY n`,
});

export const uniqueRows = defineEndpoint("unique_rows", {
  description: "Every row as it is stored",
  params: z.object({}),
  limits,
  query: () => sql`SELECT n, writer, at, big, ratio, text, tags FROM ${unique} ORDER BY n`,
});

export default defineProject({
  name: "kill",
  streams: [plain, unique],
  endpoints: [plainRows, uniqueRows],
});
