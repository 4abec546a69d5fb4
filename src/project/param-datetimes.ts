import type { z } from "zod";
import { asZodType, checksOf, wrappedType } from "./schema/zod-checks.ts";
import { formatDatetime, parseDatetime } from "./validate/datetime.ts";

/**
 * Puts every datetime of the parameters into UTC and into the engine's form: "2001-02-03 04:05:06.789". The engine refuses a
 * bound "…T…Z" beside a DateTime64 column. What a transform of the schema made is left alone.
 */
export function normaliseDatetimes(schema: z.core.$ZodType, value: unknown): unknown {
  const type = asZodType(schema);
  const inner = wrappedType(type);
  if (inner !== undefined) return normaliseDatetimes(inner, value);
  const { def } = type._zod;
  if (def.type === "array" && Array.isArray(value)) {
    return value.map((item) => normaliseDatetimes(def.element, item));
  }
  if (def.type === "object") return normaliseFields(def.shape, value);
  return typeof value === "string" && isDatetime(type) ? normalise(value) : value;
}

function normaliseFields(shape: Readonly<Record<string, z.core.$ZodType>>, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]: [string, unknown]) => {
    const type = Object.hasOwn(shape, name) ? shape[name] : undefined;
    return [name, type === undefined ? field : normaliseDatetimes(type, field)] as const;
  });
  return Object.fromEntries(fields);
}

/** Whether the type is a `z.iso.datetime()`. */
export function isDatetime(type: z.core.$ZodTypes): boolean {
  return checksOf(type).some((check) => check.check === "string_format" && check.format === "datetime");
}

function normalise(text: string): string {
  const instant = parseDatetime(text);
  return instant === undefined ? text : formatDatetime(instant, instant.fraction.length).replace("T", " ");
}
