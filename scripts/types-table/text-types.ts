import type { TypeSection } from "./type-row.ts";

/** Strings. */
export const TEXT_TYPES: TypeSection = {
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
};
