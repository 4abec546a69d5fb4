import type { TypeSection } from "./type-row.ts";

/** Dates and instants. */
export const TIME_TYPES: TypeSection = {
  title: "Dates and times",
  rows: [
    {
      zod: "z.iso.date()",
      accepts: "yyyy-mm-dd from 1900-01-01 to 2299-12-31",
      examples: [
        ['"2024-02-29"', '"2024-02-29"'],
        ['"1900-01-01"', '"1900-01-01"'],
        ['"2299-12-31"', '"2299-12-31"'],
      ],
      rejects: [
        ['"2023-02-29"', "invalid_format"],
        ['"1899-12-31"', "out_of_range"],
        ['"2300-01-01"', "out_of_range"],
      ],
    },
    {
      zod: "z.iso.datetime()",
      accepts:
        "RFC 3339 in UTC (`Z`) from 1900 to 2299, with at most 3 digits of a second; zeros after them are fine",
      examples: [
        ['"2001-02-03T04:05:06Z"', '"2001-02-03T04:05:06.000Z"'],
        ['"1900-01-01T00:00:00.001000Z"', '"1900-01-01T00:00:00.001Z"'],
        ['"2299-12-31T23:59:59.999Z"', '"2299-12-31T23:59:59.999Z"'],
      ],
      rejects: [
        ['"2001-02-03T04:05:06.7891Z"', "not_exact"],
        ['"1899-12-31T23:59:59Z"', "out_of_range"],
        ['"2001-02-03T04:05:06+01:00"', "invalid_format"],
        ['"2001-02-03T25:00:00Z"', "invalid_format"],
        ['"2001-02-03"', "invalid_format"],
      ],
    },
    {
      zod: "z.iso.datetime({ offset: true })",
      accepts: "also with an offset; stored in UTC",
      examples: [
        ['"2001-02-03T04:05:06.7+01:00"', '"2001-02-03T03:05:06.700Z"'],
        ['"1969-12-31T23:59:59.5-00:30"', '"1970-01-01T00:29:59.500Z"'],
      ],
      rejects: [['"2001-02-03T04:05:06"', "invalid_format"]],
    },
    {
      zod: "z.iso.datetime({ local: true })",
      accepts: "also without a zone, which then means UTC; seconds may be left out there",
      examples: [
        ['"2001-02-03T04:05:06"', '"2001-02-03T04:05:06.000Z"'],
        ['"2001-02-03T04:05"', '"2001-02-03T04:05:00.000Z"'],
      ],
      rejects: [['"2001-02-03 04:05:06"', "invalid_format"]],
    },
    {
      zod: "z.iso.datetime({ precision: 6 })",
      accepts: "with exactly 6 digits of a second",
      examples: [['"2001-02-03T04:05:06.789012Z"', '"2001-02-03T04:05:06.789012Z"']],
      rejects: [['"2001-02-03T04:05:06.789Z"', "invalid_format"]],
    },
    {
      zod: "z.iso.datetime().meta({ column: \"DateTime64(6, 'UTC')\" })",
      accepts: "with at most 6 digits of a second; 0 to 9 are possible, 9 until 2262-04-11",
      examples: [
        ['"2001-02-03T04:05:06.789012Z"', '"2001-02-03T04:05:06.789012Z"'],
        ['"1950-02-03T04:05:06.7Z"', '"1950-02-03T04:05:06.700000Z"'],
      ],
      rejects: [['"2001-02-03T04:05:06.7890123Z"', "not_exact"]],
    },
    {
      zod: "z.iso.datetime().meta({ column: \"DateTime64(9, 'UTC')\" })",
      accepts: "with at most 9 digits of a second",
      examples: [
        ['"2262-04-11T23:47:16.854775807Z"', '"2262-04-11T23:47:16.854775807Z"'],
        ['"1900-01-01T00:00:00.000000001Z"', '"1900-01-01T00:00:00.000000001Z"'],
      ],
      rejects: [['"2262-04-11T23:47:16.854775808Z"', "out_of_range"]],
    },
    {
      zod: 'z.iso.date().meta({ column: "Date" })',
      accepts: "yyyy-mm-dd from 1970-01-01 to 2149-06-06, in half the space",
      examples: [['"2149-06-06"', '"2149-06-06"']],
      rejects: [
        ['"1969-12-31"', "out_of_range"],
        ['"2149-06-07"', "out_of_range"],
      ],
    },
    {
      zod: 'z.iso.datetime().meta({ column: "DateTime" })',
      accepts: "whole seconds from 1970-01-01 to 2106-02-07T06:28:15Z, in half the space",
      examples: [['"2106-02-07T06:28:15Z"', '"2106-02-07T06:28:15Z"']],
      rejects: [
        ['"2106-02-07T06:28:16Z"', "out_of_range"],
        ['"2001-02-03T04:05:06.5Z"', "not_exact"],
      ],
    },
  ],
};
