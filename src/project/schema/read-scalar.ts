import type { z } from "zod";
import type { WireType } from "../wire-type.ts";
import type { NativeType } from "./native-type.ts";
import { readNumber, readNumberLiterals } from "./read-number.ts";
import { readString, type ReadType } from "./read-string.ts";
import { type Place, refusal } from "./refusal.ts";
import { unsupported } from "./unsupported.ts";
import { asZodType, checksOf } from "./zod-checks.ts";

/**
 * Reads a type of a single value, or of any JSON. Undefined when the wanted column can't hold it; throws
 * `schema_unsupported` for a type that has no column.
 */
export function readScalar(
  schema: z.core.$ZodTypes,
  place: Place,
  wanted: NativeType | undefined,
): ReadType | undefined {
  const { def } = schema._zod;
  if ("coerce" in def && def.coerce) throw unsupported(place, "coerce");
  if (def.type === "string" || def.type === "template_literal") {
    return readString(schema as z.core.$ZodString | z.core.$ZodTemplateLiteral, place, wanted);
  }
  if (def.type === "number" || def.type === "bigint") {
    return readNumber(schema as z.core.$ZodNumber | z.core.$ZodBigInt, place, wanted);
  }
  if (def.type === "boolean") return readBoolean(wanted, slowIfChecked(schema, { kind: "boolean" }));
  if (def.type === "enum") return readEnum(schema, Object.values(def.entries), place, wanted);
  if (def.type === "literal") return readLiteral(schema, def.values, place, wanted);
  if (def.type === "any" || def.type === "unknown") return readAny(schema, wanted);
  if (isJson(schema)) return readAny(schema, wanted);
  throw unsupported(place, def.type);
}

/** The type as it is, or one that asks Zod too when the schema has checks. */
export function slowIfChecked(schema: z.core.$ZodTypes, type: WireType): WireType {
  return checksOf(schema).length === 0 ? type : { kind: "slow", type };
}

function readEnum(
  schema: z.core.$ZodTypes,
  values: readonly unknown[],
  place: Place,
  wanted: NativeType | undefined,
): ReadType | undefined {
  if (!values.every((value) => typeof value === "string")) {
    throw refusal(
      place,
      "an enum with numbers has no column",
      "Use strings, or z.literal() with numbers only",
    );
  }
  const type = slowIfChecked(schema, { kind: "enum", values });
  if (wanted === undefined) return { type, column: { kind: "enum", values } };
  const holds = wanted.type.kind === "enum" ? new Set(wanted.type.values) : undefined;
  if (holds === undefined) return wanted.type.kind === "string" ? { type, column: wanted.type } : undefined;
  return values.every((value) => holds.has(value)) ? { type, column: wanted.type } : undefined;
}

function readLiteral(
  schema: z.core.$ZodTypes,
  values: readonly unknown[],
  place: Place,
  wanted: NativeType | undefined,
): ReadType | undefined {
  if (values.every((value) => typeof value === "string")) return readEnum(schema, values, place, wanted);
  if (values.every((value) => typeof value === "boolean")) {
    return readBoolean(wanted, { kind: "slow", type: { kind: "boolean" } });
  }
  if (values.every((value) => typeof value === "number" || typeof value === "bigint")) {
    const read = readNumberLiterals(values);
    if (wanted === undefined) return read;
    return wanted.type.kind === read.column.kind ? { type: read.type, column: wanted.type } : undefined;
  }
  throw refusal(
    place,
    "literals of different types share no column",
    "Use strings, numbers or booleans only",
  );
}

/** Any JSON value, kept as its text. What Zod says of it is asked too: `z.json()` takes finite numbers only. */
function readAny(schema: z.core.$ZodTypes, wanted: NativeType | undefined): ReadType | undefined {
  if (wanted !== undefined && wanted.type.kind !== "string") return undefined;
  const plain = schema._zod.def.type !== "lazy" && checksOf(schema).length === 0;
  return {
    type: plain ? { kind: "json" } : { kind: "slow", type: { kind: "json" } },
    column: { kind: "json" },
  };
}

/** `z.json()` is a lazy union with an array of itself; `.meta()` and checks make copies that share the getter. */
function isJson(schema: z.core.$ZodTypes): boolean {
  const { def } = schema._zod;
  if (def.type !== "lazy") return false;
  const inner = asZodType(def.getter())._zod.def;
  if (inner.type !== "union") return false;
  return inner.options.some((option) => {
    const array = asZodType(option)._zod.def;
    const element = array.type === "array" ? asZodType(array.element)._zod.def : undefined;
    return element?.type === "lazy" && element.getter === def.getter;
  });
}

function readBoolean(wanted: NativeType | undefined, type: WireType): ReadType | undefined {
  return wanted === undefined || wanted.type.kind === "boolean"
    ? { type, column: { kind: "boolean" } }
    : undefined;
}
