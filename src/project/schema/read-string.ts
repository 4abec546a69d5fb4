import type { z } from "zod";
import type { ColumnType } from "../column.ts";
import type { WireType } from "../wire-type.ts";
import type { NativeType } from "./native-type.ts";
import { type Place, refusal } from "./refusal.ts";
import { checksOf, type ZodCheckDef } from "./zod-checks.ts";

/** What one Zod type is on the wire and in the table. */
export interface ReadType {
  readonly type: WireType;
  readonly column: ColumnType;
}

/** Digits of a second that a datetime keeps when the declaration doesn't say: as JavaScript's and most clocks'. */
const SECOND_DIGITS_DEFAULT = 3;
const SECOND_DIGITS_MAX = 9;

type Format = ZodCheckDef & { readonly check: "string_format" };

/** Reads `z.string()` and its formats. Undefined when the wanted column can't hold it. */
export function readString(
  schema: z.core.$ZodString | z.core.$ZodTemplateLiteral,
  place: Place,
  wanted: NativeType | undefined,
): ReadType | undefined {
  const facts = stringFacts(schema);
  if (wanted?.type.kind === "string") {
    return {
      type: { ...facts.string, ...(facts.slow || facts.format ? { slow: true } : {}) },
      column: wanted.type,
    };
  }
  const own = facts.format === undefined ? undefined : formatType(facts.format, place, wanted);
  if (own !== undefined) {
    if (wanted !== undefined && wanted.type.kind !== own.column.kind) return undefined;
    const slow = facts.slow || facts.lengths || own.slow || (wanted?.narrow ?? false);
    return { type: slow ? { kind: "slow", type: own.type } : own.type, column: own.column };
  }
  if (wanted !== undefined) return readAs(wanted, facts);
  const slow = facts.slow ? { slow: true } : {};
  return { type: { ...facts.string, ...slow }, column: { kind: "string" } };
}

interface StringFacts {
  readonly string: { readonly kind: "string"; readonly min?: number; readonly max?: number };
  /** A format that has a column of its own. */
  readonly format: Format | undefined;
  readonly lengths: boolean;
  /** Whether there are checks that only Zod can run. */
  readonly slow: boolean;
}

function stringFacts(schema: z.core.$ZodString | z.core.$ZodTemplateLiteral): StringFacts {
  let min = 0;
  let max = Number.POSITIVE_INFINITY;
  let format: Format | undefined;
  let slow = schema._zod.def.type === "template_literal";
  for (const check of checksOf(schema)) {
    if (check.check === "min_length") min = Math.max(min, check.minimum);
    else if (check.check === "max_length") max = Math.min(max, check.maximum);
    else if (check.check === "length_equals") {
      min = Math.max(min, check.length);
      max = Math.min(max, check.length);
    } else if (format === undefined && check.check === "string_format" && COLUMN_FORMATS.has(check.format)) {
      format = check;
    } else slow = true;
  }
  const lengths = min > 0 || max < Number.POSITIVE_INFINITY;
  const string = {
    kind: "string" as const,
    ...(min > 0 ? { min } : {}),
    ...(max < Number.POSITIVE_INFINITY ? { max } : {}),
  };
  return { string, format, lengths, slow };
}

const COLUMN_FORMATS = new Set<string>(["uuid", "guid", "ipv4", "ipv6", "date", "datetime"]);

function formatType(
  check: Format,
  place: Place,
  wanted: NativeType | undefined,
): (ReadType & { readonly slow: boolean }) | undefined {
  const narrow = wanted?.narrow === true ? { narrow: true } : {};
  switch (check.format) {
    case "uuid":
    case "guid": {
      // Versions are Zod's to check.
      const slow = "version" in check && check.version !== undefined;
      return { type: { kind: "uuid" }, column: { kind: "uuid" }, slow };
    }
    case "ipv4":
    case "ipv6":
      return { type: { kind: check.format }, column: { kind: check.format }, slow: false };
    case "date":
      return { type: { kind: "date", ...narrow }, column: { kind: "date" }, slow: false };
    case "datetime": {
      const said = "precision" in check && typeof check.precision === "number" ? check.precision : undefined;
      if (said !== undefined && said > SECOND_DIGITS_MAX) {
        throw refusal(place, `no column keeps ${said} digits of a second`, "Use a precision of at most 9");
      }
      const given = wanted?.type.kind === "datetime" ? wanted.type.precision : undefined;
      // Zod's -1 stands for hours and minutes only.
      const precision = given ?? (said === undefined ? SECOND_DIGITS_DEFAULT : Math.max(said, 0));
      const offset = "offset" in check && check.offset === true;
      const local = "local" in check && check.local === true;
      return {
        type: { kind: "datetime", precision, offset, local, ...narrow },
        column: { kind: "datetime", precision },
        // An exact number of digits is Zod's to check.
        slow: said !== undefined,
      };
    }
    default:
      return undefined;
  }
}

/** A string without a format of its own, in a column that gives it one. */
function readAs(wanted: NativeType, facts: StringFacts): ReadType | undefined {
  const type = typeAs(wanted);
  if (type === undefined) return undefined;
  const slow = facts.slow || facts.lengths || wanted.narrow || type.kind === "decimal";
  return { type: slow ? { kind: "slow", type } : type, column: wanted.type };
}

function typeAs(wanted: NativeType): WireType | undefined {
  const column = wanted.type;
  const narrow = wanted.narrow ? { narrow: true } : {};
  if (column.kind === "decimal") return { ...column, text: true };
  if (column.kind === "date") return { ...column, ...narrow };
  if (column.kind === "datetime") return { ...column, offset: true, local: false, ...narrow };
  const asText =
    column.kind === "uuid" || column.kind === "ipv4" || column.kind === "ipv6" || column.kind === "enum";
  return asText ? column : undefined;
}
