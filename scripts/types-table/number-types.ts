import type { TypeSection } from "./type-row.ts";

/** Booleans, integers, floats and decimals. */
export const NUMBER_TYPES: TypeSection = {
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
};
