import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";
import { TYPE_SECTIONS, typeOf } from "../../../../scripts/types-table.ts";

// Every type of docs/TYPES.md in one stream, every kind of parameter and result column, and names that are in the way.

const rows = TYPE_SECTIONS.flatMap((section) => section.rows);

const everything = defineStream("everything", {
  description: "One field of each type. Its comment can't be ended: */ export const broken = 1; /*",
  schema: z.object({
    key: z.string().describe("Not a */ way out,\nnor on a second line"),
    "with-hyphen": z.string().optional(),
    class: z.string().default("economy"),
    ...Object.fromEntries(rows.map((row, index) => [`type_${index}`, typeOf(row)])),
  }),
  table: { orderBy: ["key"] },
});

const small = (name: string) =>
  defineStream(name, { schema: z.object({ n: z.int32() }), table: { orderBy: ["n"] } });

const answers = defineEndpoint("answers", {
  query: () => sql`
    SELECT
      toUInt64(1) AS wide, toInt8(1) AS narrow, 1.5 AS float, toDecimal64(1.5, 2) AS decimal, 'x' AS text,
      CAST(NULL, 'Nullable(Int64)') AS maybe, [1, 2] AS list, ['a', NULL] AS texts, (1, 'a') AS pair,
      CAST((1, 'a'), 'Tuple(id UInt8, \`the name\` String)') AS named, map('a', toUInt64(1)) AS counts,
      now() AS at, today() AS day, true AS yes, generateUUIDv4() AS id, NULL AS nothing, 1 AS \`a b\`
    FROM ${everything}`,
});

const params = defineEndpoint("params", {
  description: "Every kind of parameter",
  params: z.object({
    text: z.string(),
    count: z.int().default(1),
    wide: z.int64().optional(),
    day: z.iso.date().optional(),
    yes: z.boolean().optional(),
    mode: z.enum(["fast", "slow"]).default("fast"),
    list: z.array(z.string()).default([]),
    numbers: z.array(z.int()).optional(),
  }),
  query: ({ text, count, wide, day, yes, mode, list, numbers }) => sql`
    SELECT ${text} AS text, ${count} AS count, ${String(wide)} AS wide, ${day ?? ""} AS day, ${yes ?? false} AS yes,
      ${mode} AS mode, ${list} AS list, ${numbers ?? [0]} AS numbers
    ${numbers === undefined ? sql`` : sql`, 1 AS has_numbers`}`,
});

const bodyParams = defineEndpoint("body_params", {
  description: "Parameters that a query string can't carry",
  params: z.object({
    either: z.union([z.string(), z.number()]),
    pair: z.tuple([z.string(), z.number()]).optional(),
    filter: z.object({ min: z.int(), max: z.int().optional() }).optional(),
  }),
  query: ({ either, pair, filter }) => sql`
    SELECT ${typeof either} AS type, ${String(either)} AS value, ${pair?.[1] ?? 0} AS second, ${filter?.min ?? -1} AS min`,
});

const same = (name: string) => defineEndpoint(name, { query: () => sql`SELECT 1 AS one` });

export default defineProject({
  name: "every_type",
  streams: [everything, ...["flush", "then", "shared", "a_b", "a__b", "send_result"].map(small)],
  endpoints: [answers, params, bodyParams, ...["close", "constructor", "streams", "shared", "a_b"].map(same)],
});
