import { z } from "zod";

/** One row of docs/TYPES.md. The tests send every example through the validator and the engine. */
export interface TypeRow {
  /** The type as it is written in a schema; `typeOf` makes the schema of it. */
  readonly zod: string;
  /** The JSON that is taken. */
  readonly accepts: string;
  /** What a producer sends → what an answer holds, both as JSON. */
  readonly examples: readonly (readonly [sent: string, answered: string])[];
  /** What is refused, and with which code. */
  readonly rejects: readonly (readonly [sent: string, code: string])[];
}

export interface TypeSection {
  readonly title: string;
  readonly rows: readonly TypeRow[];
}

/** The schema that a row's text stands for. */
export function typeOf(row: TypeRow): z.ZodType {
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the table's own text, so that docs and tests can't differ
  return new Function("z", `return ${row.zod}`)(z) as z.ZodType;
}

const UUID = '"f47ac10b-58cc-4372-a567-0e02b2c3d479"';

export const TYPE_SECTIONS: readonly TypeSection[] = [
  {
    title: "Text",
    rows: [
      {
        zod: "z.string()",
        accepts: "a string; NUL and every other character of Unicode",
        examples: [
          ['"Zürich 🛫"', '"Zürich 🛫"'],
          ['"a\\u0000b"', '"a\\u0000b"'],
          ['""', '""'],
        ],
        rejects: [
          ["5", "invalid_type"],
          ["null", "required"],
          ['"\\ud83d"', "invalid_utf8"],
        ],
      },
      {
        zod: "z.string().min(2).max(3)",
        accepts: "a string of that many characters, counted as Zod does",
        examples: [['"JFK"', '"JFK"']],
        rejects: [
          ['"J"', "too_short"],
          ['"KJFK"', "too_long"],
        ],
      },
      {
        zod: "z.email()",
        accepts:
          "a string of that format; so `z.url()`, `z.iso.time()`, `.regex()` and all others of Zod's without a row here",
        examples: [['"a@b.org"', '"a@b.org"']],
        rejects: [['"a@b"', "invalid_format"]],
      },
      {
        zod: 'z.string().refine((text) => text !== "x")',
        accepts: "what the check takes; it runs in Zod, more slowly",
        examples: [['"y"', '"y"']],
        rejects: [['"x"', "check_failed"]],
      },
      {
        zod: 'z.enum(["on", "off"])',
        accepts: "one of the strings; so `z.literal()` with strings",
        examples: [['"on"', '"on"']],
        rejects: [
          ['"On"', "invalid_value"],
          ["1", "invalid_type"],
        ],
      },
      {
        zod: 'z.string().meta({ column: "LowCardinality(String)" })',
        accepts: "a string; for few different values",
        examples: [['"JFK"', '"JFK"']],
        rejects: [["5", "invalid_type"]],
      },
      {
        zod: 'z.enum(["on", "off"]).meta({ column: "Enum8(\'on\' = 1, \'off\' = 2)" })',
        accepts: "one of the strings",
        examples: [['"off"', '"off"']],
        rejects: [['"in"', "invalid_value"]],
      },
    ],
  },
  {
    title: "Identifiers and addresses",
    rows: [
      {
        zod: "z.uuid()",
        accepts: "a UUID in any case",
        examples: [
          [UUID, UUID],
          [UUID.toUpperCase(), UUID],
        ],
        rejects: [
          ['"f47ac10b58cc4372a5670e02b2c3d479"', "invalid_format"],
          ["5", "invalid_type"],
        ],
      },
      {
        zod: "z.guid()",
        accepts: "any 128 bits written like a UUID",
        examples: [['"00000000-0000-0000-0000-00000000000a"', '"00000000-0000-0000-0000-00000000000a"']],
        rejects: [['"0"', "invalid_format"]],
      },
      {
        zod: "z.ipv4()",
        accepts: "an IPv4 address",
        examples: [['"192.0.2.1"', '"192.0.2.1"']],
        rejects: [
          ['"192.0.2.256"', "invalid_format"],
          ['"192.0.2.01"', "invalid_format"],
        ],
      },
      {
        zod: "z.ipv6()",
        accepts: "an IPv6 address without a zone",
        examples: [
          ['"2001:DB8::1"', '"2001:db8::1"'],
          ['"::ffff:192.0.2.1"', '"::ffff:192.0.2.1"'],
        ],
        rejects: [
          ['"fe80::1%eth0"', "invalid_format"],
          ['"192.0.2.1"', "invalid_format"],
        ],
      },
    ],
  },
  {
    title: "Numbers",
    rows: [
      {
        zod: "z.boolean()",
        accepts: "true or false",
        examples: [
          ["true", "true"],
          ["false", "false"],
        ],
        rejects: [
          ["1", "invalid_type"],
          ['"true"', "invalid_type"],
        ],
      },
      {
        zod: "z.int32()",
        accepts: "an integer; 5.0 and 5e0 are 5",
        examples: [
          ["-2147483648", "-2147483648"],
          ["1e3", "1000"],
          ["5.0", "5"],
          ["-0", "0"],
        ],
        rejects: [
          ["2147483648", "out_of_range"],
          ["1e400", "out_of_range"],
          ["1.5", "invalid_type"],
          ['"7"', "invalid_type"],
          ["true", "invalid_type"],
        ],
      },
      {
        zod: "z.uint32()",
        accepts: "an integer",
        examples: [
          ["4294967295", "4294967295"],
          ["-0", "0"],
        ],
        rejects: [["-1", "out_of_range"]],
      },
      {
        zod: "z.int()",
        accepts: "an integer that JavaScript holds exactly",
        examples: [["9007199254740991", "9007199254740991"]],
        rejects: [["9007199254740992", "out_of_range"]],
      },
      {
        zod: "z.int64()",
        accepts: "an integer, or a string of its digits",
        examples: [
          ["-9223372036854775808", '"-9223372036854775808"'],
          ['"9007199254740993"', '"9007199254740993"'],
          ["5", "5"],
        ],
        rejects: [
          ["9223372036854775808", "out_of_range"],
          ['"007"', "invalid_type"],
          ['"5.0"', "invalid_type"],
        ],
      },
      {
        zod: "z.uint64()",
        accepts: "an integer, or a string of its digits",
        examples: [["18446744073709551615", '"18446744073709551615"']],
        rejects: [
          ["18446744073709551616", "out_of_range"],
          ["-1", "out_of_range"],
        ],
      },
      {
        zod: 'z.int().min(0).max(100).meta({ column: "UInt8" })',
        accepts: "an integer within both limits; so Int8, Int16, UInt16 and the wider ones",
        examples: [["100", "100"]],
        rejects: [["101", "out_of_range"]],
      },
      {
        zod: "z.number()",
        accepts: "a number; fractions are rounded to the nearest 64-bit float, integers never",
        examples: [
          ["0.1", "0.1"],
          ["1.7976931348623157e308", "1.7976931348623157e308"],
          ["9007199254740992", "9007199254740992"],
        ],
        rejects: [
          ["1e400", "out_of_range"],
          ["1e-400", "out_of_range"],
          ["9007199254740993", "not_exact"],
          ['"1"', "invalid_type"],
          ["NaN", "invalid_json"],
        ],
      },
      {
        zod: "z.float64()",
        accepts: "as `z.number()`",
        examples: [["1e21", "1e21"]],
        rejects: [["1e400", "out_of_range"]],
      },
      {
        zod: "z.float32()",
        accepts: "a number; fractions are rounded to the nearest 32-bit float, integers never",
        examples: [
          ["0.1", "0.1"],
          ["16777216", "16777216"],
        ],
        rejects: [
          ["1e39", "out_of_range"],
          ["16777217", "not_exact"],
        ],
      },
      {
        zod: 'z.number().meta({ column: "Decimal(18, 4)" })',
        accepts: "a number with at most that many digits before and after the point; up to Decimal(76, …)",
        examples: [
          ["12.3400", '"12.34"'],
          ["99999999999999.9999", '"99999999999999.9999"'],
          ["1e3", '"1000"'],
        ],
        rejects: [
          ["0.00001", "not_exact"],
          ["100000000000000", "out_of_range"],
          ['"1"', "invalid_type"],
        ],
      },
      {
        zod: 'z.string().meta({ column: "Decimal(18, 4)" })',
        accepts: "a string that holds such a number",
        examples: [['"12.34"', '"12.34"']],
        rejects: [
          ["12.34", "invalid_type"],
          ['"12,34"', "invalid_format"],
        ],
      },
      {
        zod: "z.literal([1, 2])",
        accepts: "one of the integers",
        examples: [["2", "2"]],
        rejects: [
          ["3", "out_of_range"],
          ["1.5", "invalid_type"],
        ],
      },
    ],
  },
  {
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
  },
  {
    title: "Nested values",
    rows: [
      {
        zod: "z.array(z.string())",
        accepts: "an array; it can't be optional: `.default([])`",
        examples: [
          ['["a", "b"]', '["a","b"]'],
          ["[]", "[]"],
        ],
        rejects: [
          ['"a"', "invalid_type"],
          ['["a", null]', "invalid_type"],
        ],
      },
      {
        zod: "z.array(z.int32().nullable()).max(2)",
        accepts: "an array whose items may be null",
        examples: [["[1, null]", "[1,null]"]],
        rejects: [["[1, 2, 3]", "too_long"]],
      },
      {
        zod: 'z.array(z.string()).meta({ column: "Array(LowCardinality(String))" })',
        accepts: "an array; for few different values",
        examples: [['["a"]', '["a"]']],
        rejects: [["[1]", "invalid_type"]],
      },
      {
        zod: "z.record(z.string(), z.number())",
        accepts: "an object with any keys; it can't be optional: `.default({})`",
        examples: [
          ['{"a": 1.5, "__proto__": 2}', '{"a":1.5,"__proto__":2}'],
          ["{}", "{}"],
        ],
        rejects: [
          ['{"a": "x"}', "invalid_type"],
          ['{"a": 1, "a": 2}', "duplicate_field"],
        ],
      },
      {
        zod: "z.object({ city: z.string(), zip: z.string().optional() })",
        accepts: "an object with these fields; it can't be optional: `.default({…})`",
        examples: [
          ['{"zip": "8000", "city": "Zürich"}', '{"city":"Zürich","zip":"8000"}'],
          ['{"city": "Bern"}', '{"city":"Bern","zip":null}'],
        ],
        rejects: [
          ['{"zip": "8000"}', "required"],
          ['{"city": "Bern", "town": "x"}', "unknown_field"],
        ],
      },
      {
        zod: "z.array(z.object({ gate: z.string(), wait: z.int64().nullable() }))",
        accepts: "an array of objects",
        examples: [
          [
            '[{"gate": "A1", "wait": "7"}, {"gate": "B2"}]',
            '[{"gate":"A1","wait":7},{"gate":"B2","wait":null}]',
          ],
        ],
        rejects: [['[{"wait": 7}]', "required"]],
      },
      {
        zod: "z.looseObject({ city: z.string() })",
        accepts: "an object with these fields; others are taken and dropped",
        examples: [['{"city": "Bern", "town": "x"}', '{"city":"Bern"}']],
        rejects: [["{}", "required"]],
      },
      {
        zod: "z.unknown()",
        accepts: "any JSON, kept as its text, character by character; the SQL reads it with JSONExtract…()",
        examples: [
          ['{"a": [1, 9007199254740993]}', '"{\\"a\\": [1, 9007199254740993]}"'],
          ["null", '"null"'],
        ],
        rejects: [['{"a": 1, "a": 2}', "duplicate_field"]],
      },
      {
        zod: "z.json()",
        accepts: "as `z.unknown()`; its numbers must fit 64-bit floats",
        examples: [['"x"', '"\\"x\\""']],
        rejects: [["[1e400]", "invalid_type"]],
      },
    ],
  },
  {
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
  },
];
