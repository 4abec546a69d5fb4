import { defineEndpoint, defineProject, sql } from "headrace";
import { z } from "zod";
import { plain, plainRows, unique, uniqueRows } from "../../guarantees/kill-project/headrace.config.ts";

const countPlain = defineEndpoint("count_plain", {
  description: "How many rows there are",
  params: z.object({}),
  query: () => sql`SELECT count(*) AS events FROM ${plain}`,
});

export default defineProject({
  name: "fleet",
  streams: [plain, unique],
  endpoints: [plainRows, uniqueRows, countPlain],
});
