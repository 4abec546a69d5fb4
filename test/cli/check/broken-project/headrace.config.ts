import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

/** A project that loads, and of which some endpoints don't work. */
const clicks = defineStream("clicks", {
  schema: z
    .object({
      page: z.string().refine((page) => page !== ""),
      at: z.iso.datetime(),
      code: z.string().regex(/^[A-Z]{3}$/),
    })
    .refine(({ page, code }) => page !== code),
  table: { orderBy: ["page"] },
});

const good = defineEndpoint("good", {
  params: z.object({
    code: z
      .string()
      .regex(/^\d{3}[a-f]{9}$/)
      .optional(),
  }),
  query: () => sql`SELECT page FROM ${clicks}`,
});

const broken = defineEndpoint("broken", {
  params: z.object({}),
  query: () => sql`SELECT pgae FROM ${clicks}`,
});

const sometimes = defineEndpoint("sometimes", {
  params: z.object({ since: z.iso.date().optional() }),
  query: ({ since }) => sql`SELECT page FROM ${clicks} ${since ? sql`WHERE tat > ${since}` : sql``}`,
});

export default defineProject({ name: "shop", streams: [clicks], endpoints: [good, broken, sometimes] });
