import type { TypeSection } from "./type-row.ts";

/** Optional, nullable and default. */
export const ABSENT_TYPES: TypeSection = {
  title: "Absent values",
  rows: [
    {
      zod: "z.int32().optional()",
      accepts: "an integer, null or nothing; so `.nullable()` and `.nullish()`",
      examples: [
        ["null", "null"],
        ["5", "5"],
      ],
      rejects: [['""', "invalid_type"]],
    },
    {
      zod: "z.int32().default(7)",
      accepts: "an integer, or null or nothing, for which the default is stored",
      examples: [
        ["null", "7"],
        ["5", "5"],
      ],
      rejects: [['"5"', "invalid_type"]],
    },
    {
      zod: 'z.string().nullable().meta({ column: "LowCardinality(String)" })',
      accepts: "a string, null or nothing",
      examples: [
        ["null", "null"],
        ['"JFK"', '"JFK"'],
      ],
      rejects: [["5", "invalid_type"]],
    },
  ],
};
