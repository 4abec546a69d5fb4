import { z } from "zod";
import { ABSENT_TYPES } from "./types-table/absent-types.ts";
import { IDENTIFIER_TYPES } from "./types-table/identifier-types.ts";
import { NESTED_TYPES } from "./types-table/nested-types.ts";
import { NUMBER_TYPES } from "./types-table/number-types.ts";
import { TEXT_TYPES } from "./types-table/text-types.ts";
import { TIME_TYPES } from "./types-table/time-types.ts";
import type { TypeRow, TypeSection } from "./types-table/type-row.ts";

/** The rows of docs/TYPES.md: one table for the page and for the tests. */
export const TYPE_SECTIONS: readonly TypeSection[] = [
  TEXT_TYPES,
  IDENTIFIER_TYPES,
  NUMBER_TYPES,
  TIME_TYPES,
  NESTED_TYPES,
  ABSENT_TYPES,
];

/** The schema that a row's text stands for. */
export function typeOf(row: TypeRow): z.ZodType {
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the table's own text, so that docs and tests can't differ
  return new Function("z", `return ${row.zod}`)(z) as z.ZodType;
}
