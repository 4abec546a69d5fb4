import type { TypeSection } from "./type-row.ts";

/** Arrays, records, objects and any JSON. */
export const NESTED_TYPES: TypeSection = {
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
};
