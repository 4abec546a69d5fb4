import { z } from "zod";
import { isDatetime } from "./param-datetimes.ts";
import { asZodType, wrappedType } from "./schema/zod-checks.ts";
import { parseDatetime, toDate } from "./validate/datetime.ts";
import { exactNumber, fractionDigits, plainText, wholeDigits } from "./validate/exact-number.ts";

/** Digits of integers that are converted: above all columns', and few enough to compute with. */
const INTEGER_DIGITS_MAX = 80;

const NUMBER = /^-?(?:\d{1,400})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,4})?$/;
/** A "+" in a query string that wasn't escaped arrives as a space. */
const LOST_PLUS = /(T[\d:.]+) (\d\d:\d\d)$/;

/**
 * A parameter's value as its schema expects it, as far as text can be converted without a doubt; what can't stays as
 * it is, for the schema to refuse by name.
 */
export function fromText(schema: z.core.$ZodType, value: unknown): unknown {
  const type = asZodType(schema);
  const inner = wrappedType(type);
  if (inner !== undefined) return fromText(inner, value);
  const { def } = type._zod;
  if (def.type === "pipe") return fromText(def.in, value);
  if (def.type === "lazy") return fromText(def.getter(), value);
  if (def.type === "array") return fromList(def.element, value);
  if (def.type === "union") return fromUnion(def.options, value);
  if (def.type === "bigint") return toBigInt(value);
  return typeof value === "string" ? fromOneText(type, value) : value;
}

/** Types whose text is JSON. */
const JSON_TYPES = new Set<string>(["object", "record", "tuple", "unknown", "any"]);

function fromOneText(type: z.core.$ZodTypes, text: string): unknown {
  const { def } = type._zod;
  if (def.type === "number") return NUMBER.test(text) ? Number(text) : text;
  if (def.type === "boolean") return BOOLEANS.get(text) ?? text;
  if (def.type === "date") return toInstant(text) ?? text;
  if (def.type === "enum") return Object.values(def.entries).find((value) => String(value) === text) ?? text;
  if (def.type === "literal") return def.values.find((value) => String(value) === text) ?? text;
  if (isDatetime(type)) return text.replace(LOST_PLUS, "$1+$2");
  return JSON_TYPES.has(def.type) ? fromJson(text) : text;
}

/** A datetime, or the start of a day; without a zone it means UTC, as everywhere. */
function toInstant(text: string): Date | undefined {
  const instant = parseDatetime(text) ?? parseDatetime(`${text}T00:00:00Z`);
  return instant === undefined ? undefined : toDate(instant);
}

const BOOLEANS = new Map([
  ["true", true],
  ["false", false],
]);

/** One text is an array of one. */
function fromList(element: z.core.$ZodType, value: unknown): unknown[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => fromText(element, item));
}

/** The first option that takes the value as it would be converted for it. */
function fromUnion(options: readonly z.core.$ZodType[], value: unknown): unknown {
  for (const option of options) {
    const converted = fromText(option, value);
    if (z.safeParse(option, converted).success) return converted;
  }
  return value;
}

/** Beyond 53 bits a JSON number is rounded when it arrives, so only a string of digits is taken there. */
function toBigInt(value: unknown): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== "string" || !NUMBER.test(value)) return value;
  const number = exactNumber(value);
  if (fractionDigits(number) > 0 || wholeDigits(number) > INTEGER_DIGITS_MAX) return value;
  return BigInt(plainText(number));
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
