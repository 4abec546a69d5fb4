import type { z } from "zod";

type Schema = z.core.$ZodTypes;

/** One check of a schema, such as `.min(1)`: the definition that Zod keeps of it. */
export type ZodCheckDef = z.core.$ZodChecks["_zod"]["def"] | { readonly check: "custom" };

/**
 * The checks of a schema, in order. A format such as `z.email()` or `z.int32()` is a type and a check in one: then it
 * comes first.
 */
export function checksOf(schema: Schema): readonly ZodCheckDef[] {
  const def = schema._zod.def;
  const own = "check" in def && typeof def.check === "string" ? [def] : [];
  return [...own, ...(def.checks ?? []).map((check) => check._zod.def)] as readonly ZodCheckDef[];
}

/** What a wrapper such as `.optional()` or `.default()` is around; undefined for a type without one. */
export function wrappedType(type: Schema): Schema | undefined {
  const { def } = type._zod;
  const wraps =
    def.type === "optional" ||
    def.type === "nullable" ||
    def.type === "default" ||
    def.type === "prefault" ||
    def.type === "catch" ||
    def.type === "readonly" ||
    def.type === "nonoptional";
  return wraps ? asZodType(def.innerType) : undefined;
}

/** Zod's schema as the union of all its types, so that `def.type` tells them apart. */
export function asZodType(schema: z.core.$ZodType): Schema {
  return schema as Schema;
}

/** Whether the value is a `z.object()` of Zod 4, of whichever copy of the package. */
export function isZodObject(value: unknown): value is z.ZodObject {
  if (typeof value !== "object" || value === null || !("_zod" in value)) return false;
  const internals = (value as z.core.$ZodTypes)._zod;
  return typeof internals === "object" && internals.def.type === "object";
}
