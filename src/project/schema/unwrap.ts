import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { type Place, refusal } from "./refusal.ts";
import { asZodType, checksOf, wrappedType } from "./zod-checks.ts";

/** A schema without its wrappers, and what these said. */
export interface Unwrapped {
  readonly inner: z.core.$ZodTypes;
  /** `.optional()`, `.nullable()` or both: on the wire they are one thing. */
  readonly nullable: boolean;
  /** Zod wants null for an absent value, because only `.nullable()` was said. */
  readonly absentAsNull: boolean;
  readonly defaultValue: (() => unknown) | undefined;
  /** What `.meta({ column })` gave, on whichever layer. */
  readonly column: unknown;
  /** What `.meta({ cloudevent })` gave, on whichever layer. */
  readonly cloudEvent: unknown;
}

/** Takes optional, nullable, default, prefault, readonly and nonoptional off a schema. */
export function unwrap(schema: z.core.$ZodType, place: Place): Unwrapped {
  let optional = false;
  let nullable = false;
  let required = false;
  let defaultValue: (() => unknown) | undefined;
  let column: unknown;
  let cloudEvent: unknown;
  let layer = asZodType(schema);
  for (;;) {
    const meta = z.globalRegistry.get(layer);
    column ??= meta?.["column"];
    cloudEvent ??= meta?.["cloudevent"];
    const { def } = layer._zod;
    const inner = def.type === "catch" ? undefined : wrappedType(layer);
    if (inner === undefined) break;
    if (def.type === "optional") optional ||= !required;
    else if (def.type === "nullable") nullable = true;
    else if (def.type === "nonoptional") required = true;
    else if (def.type === "default" || def.type === "prefault") defaultValue ??= defaultOf(def, place);
    if (checksOf(layer).length > 0) {
      throw refusal(
        place,
        `a check after .${def.type}() can't be kept`,
        `Put the check before .${def.type}()`,
      );
    }
    layer = inner;
  }
  const absentAsNull = nullable && schema._zod.optin !== "optional";
  return { inner: layer, nullable: optional || nullable, absentAsNull, defaultValue, column, cloudEvent };
}

/** The default's getter; none for `.default(null)`, which says no more than `.nullable()`. */
function defaultOf(def: { readonly defaultValue: unknown }, place: Place): (() => unknown) | undefined {
  try {
    return (def.defaultValue ?? null) === null ? undefined : () => def.defaultValue;
  } catch (error) {
    throw refusal(
      place,
      `the default's function throws: ${messageOf(error)}`,
      "Make it give a value without fail",
    );
  }
}
