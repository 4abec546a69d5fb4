import { z } from "zod";
import { asZodType } from "./schema/zod-checks.ts";
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
  const def = type._zod.def;
  switch (def.type) {
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "catch":
    case "readonly":
    case "nonoptional":
      return fromText(def.innerType, value);
    case "pipe":
      return fromText(def.in, value);
    case "lazy":
      return fromText(def.getter(), value);
    case "array":
      return fromList(def.element, value);
    case "set":
      return new Set(fromList(def.valueType, value) as unknown[]);
    case "union":
      return fromUnion(def.options, value);
    case "bigint":
      return toBigInt(value);
    default:
      return typeof value === "string" ? fromOneText(type, value) : value;
  }
}

function fromOneText(type: z.core.$ZodTypes, text: string): unknown {
  const def = type._zod.def;
  switch (def.type) {
    case "number":
      return NUMBER.test(text) ? Number(text) : text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "date":
      return z.iso.datetime({ offset: true, local: true }).or(z.iso.date()).safeParse(text).success
        ? new Date(text)
        : text;
    case "enum":
      return Object.values(def.entries).find((value) => String(value) === text) ?? text;
    case "literal":
      return def.values.find((value) => String(value) === text) ?? text;
    case "object":
    case "record":
    case "tuple":
    case "unknown":
    case "any":
      return fromJson(text);
    case "string":
      return "format" in def && def.format === "datetime" ? text.replace(LOST_PLUS, "$1+$2") : text;
    default:
      return text;
  }
}

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
