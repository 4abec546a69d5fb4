import type { z } from "zod";
import type { Column, ColumnType } from "../column.ts";
import { fieldNameProblem } from "../names.ts";
import type { WireField, WireType, WireValue } from "../wire-type.ts";
import { checkDefault } from "./check-default.ts";
import { NATIVE_TYPES, type NativeType, parseNativeType } from "./native-type.ts";
import { cloudEventAttribute } from "./cloud-event-attribute.ts";
import { readScalar, slowIfChecked } from "./read-scalar.ts";
import type { ReadType } from "./read-string.ts";
import { inside, type Place, refusal } from "./refusal.ts";
import { unwrap } from "./unwrap.ts";
import { asZodType, checksOf } from "./zod-checks.ts";
import { refuseOverwrite, unsupported } from "./unsupported.ts";

/** Fields of one object. A table with more columns than this is a mistake, and slow. */
const FIELDS_MAX = 1_000;

type Ancestors = readonly z.core.$ZodType[];

/** What is known on the way down. */
interface Way {
  /** The column type that a field around this one gave for it. */
  readonly wanted?: NativeType | undefined;
  /** Items of arrays and values of records, which have no column of their own. */
  readonly element?: boolean;
  /** The objects around this one: one that holds itself has no column. */
  readonly ancestors: Ancestors;
}

interface ReadValue extends WireValue {
  readonly column: ColumnType;
  readonly defaultValue: (() => unknown) | undefined;
  readonly native: string | undefined;
  readonly cloudEvent: string | undefined;
}

/** Reads the fields of an object schema. Throws `schema_unsupported` for a field that no column can hold. */
export function readFields(schema: z.core.$ZodObject, place: Place, ancestors: Ancestors): WireField[] {
  const entries = Object.entries(schema._zod.def.shape);
  if (entries.length === 0)
    throw refusal(place, "an object without fields has no column", "Declare its fields");
  if (entries.length > FIELDS_MAX) {
    throw refusal(place, `${entries.length} fields are too many`, `An object has at most ${FIELDS_MAX}`);
  }
  return entries.map(([name, field]) => {
    const at = inside(place, name);
    const problem = fieldNameProblem(name);
    if (problem !== undefined) throw refusal(at, "this name can't be a column's", capitalised(problem));
    const read = readValue(field, at, { ancestors: [...ancestors, schema] });
    const { type, nullable, absentAsNull, defaultValue, cloudEvent } = read;
    const column: Column = {
      name,
      type: read.column,
      nullable,
      ...(read.native === undefined ? {} : { native: read.native }),
    };
    return {
      name,
      type,
      nullable,
      optional: nullable || defaultValue !== undefined,
      hasDefault: defaultValue !== undefined,
      ...(absentAsNull === true ? { absentAsNull } : {}),
      ...(defaultValue === undefined ? {} : { defaultValue }),
      column,
      ...(cloudEvent === undefined ? {} : { cloudEvent }),
    };
  });
}

function readValue(schema: z.core.$ZodType, place: Place, way: Way): ReadValue {
  const unwrapped = unwrap(schema, place);
  const { inner, nullable: absent, absentAsNull, defaultValue } = unwrapped;
  const wanted = wantedType(unwrapped.column, place, way);
  if (way.element === true && defaultValue !== undefined) {
    throw refusal(place, "a default inside an array or record is never used", "Leave the default out");
  }
  const nullable = absent && defaultValue === undefined;
  const { type, column } = readType(inner, place, wanted, way.ancestors);
  if (defaultValue !== undefined) checkDefault(inner, type, defaultValue, place);
  if (nullable && (column.kind === "array" || column.kind === "map" || column.kind === "tuple")) {
    const empty = column.kind === "array" ? ".default([])" : ".default({})";
    const what = { array: "an array", map: "a record", tuple: "an object" }[column.kind];
    throw refusal(
      place,
      `${what} can't be optional or nullable: no column holds its absence`,
      `Use ${empty}`,
    );
  }
  if (wanted !== undefined && wanted.nullable !== nullable && (wanted.nullable || way.element === true)) {
    throw refusal(
      place,
      `column "${wanted.text}" doesn't agree with the type`,
      "Say .optional() in the type alone",
    );
  }
  return {
    type,
    column,
    nullable,
    ...(absentAsNull ? { absentAsNull } : {}),
    defaultValue,
    native: way.element === true ? undefined : wanted?.text,
    cloudEvent: cloudEventAttribute(unwrapped.cloudEvent, column, place, way.ancestors.length),
  };
}

/** The column type asked for by `.meta({ column })` here or on a field around. */
function wantedType(said: unknown, place: Place, way: Way): NativeType | undefined {
  if (said === undefined) return way.wanted;
  const native = typeof said === "string" ? parseNativeType(said) : undefined;
  if (native === undefined) {
    throw refusal(
      place,
      `column ${JSON.stringify(said)} isn't one that can be kept exactly`,
      `Use one of ${NATIVE_TYPES}`,
    );
  }
  if (way.wanted !== undefined)
    throw refusal(place, "its column is given twice", "Give it once, on the whole field");
  if (way.element === true && !native.plain) {
    throw refusal(
      place,
      `column "${native.text}" can't be given inside an array or record`,
      `Give it on the whole field, such as .meta({ column: "Array(${native.text})" })`,
    );
  }
  return native;
}

/** What a Zod type without wrappers is. Throws for one without a column, or that the wanted column can't hold. */
function readType(
  schema: z.core.$ZodTypes,
  place: Place,
  wanted: NativeType | undefined,
  ancestors: Ancestors,
): ReadType {
  refuseOverwrite(schema, place);
  const { def } = schema._zod;
  if (def.type === "object") {
    if (wanted !== undefined) throw refusal(place, "an object takes no column", "Give columns on its fields");
    if (ancestors.includes(schema)) throw unsupported(place, "lazy");
    return readObject(schema as z.core.$ZodObject, place, ancestors);
  }
  const read =
    def.type === "array"
      ? readArray(schema as z.core.$ZodArray, place, wanted, ancestors)
      : def.type === "record"
        ? readRecord(schema as z.core.$ZodRecord, place, wanted, ancestors)
        : readScalar(schema, place, wanted);
  if (read !== undefined) return read;
  throw refusal(
    place,
    `column "${wanted?.text ?? ""}" can't hold what the type takes`,
    "docs/TYPES.md lists what goes together",
  );
}

function readArray(
  schema: z.core.$ZodArray,
  place: Place,
  wanted: NativeType | undefined,
  ancestors: Ancestors,
): ReadType | undefined {
  if (wanted !== undefined && wanted.type.kind !== "array") return undefined;
  const element = readValue(schema._zod.def.element, inside(place, "[]"), {
    wanted: wanted?.element,
    element: true,
    ancestors,
  });
  let min: number | undefined;
  let max: number | undefined;
  let slow = false;
  for (const check of checksOf(schema)) {
    if (check.check === "min_length") min = Math.max(min ?? 0, check.minimum);
    else if (check.check === "max_length") max = Math.min(max ?? check.maximum, check.maximum);
    else if (check.check === "length_equals") {
      min = Math.max(min ?? 0, check.length);
      max = Math.min(max ?? check.length, check.length);
    } else slow = true;
  }
  const type: WireType = {
    kind: "array",
    element: wireOf(element),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
  return {
    type: slow ? { kind: "slow", type } : type,
    column: { kind: "array", element: element.column, nullable: element.nullable },
  };
}

function readRecord(
  schema: z.core.$ZodRecord,
  place: Place,
  wanted: NativeType | undefined,
  ancestors: Ancestors,
): ReadType | undefined {
  if (wanted !== undefined && wanted.type.kind !== "map") return undefined;
  const { keyType, valueType } = schema._zod.def;
  const key = unwrap(keyType, place).inner;
  refuseOverwrite(key, place);
  const kind = key._zod.def.type;
  if (kind !== "string" && kind !== "enum" && kind !== "literal" && kind !== "template_literal") {
    throw refusal(place, "the keys of a record are strings in JSON", "Use z.record(z.string(), …)");
  }
  const value = readValue(valueType, inside(place, "{}"), {
    wanted: wanted?.element,
    element: true,
    ancestors,
  });
  const type: WireType = { kind: "map", value: wireOf(value) };
  const plain = kind === "string" && checksOf(key).length === 0 && checksOf(schema).length === 0;
  return {
    type: plain ? type : { kind: "slow", type },
    column: { kind: "map", value: value.column, nullable: value.nullable },
  };
}

function readObject(schema: z.core.$ZodObject, place: Place, ancestors: Ancestors): ReadType {
  const fields = readFields(schema, place, ancestors);
  const type: WireType = { kind: "object", fields, loose: isLoose(schema, place) };
  return {
    type: slowIfChecked(schema, type),
    column: { kind: "tuple", fields: fields.map((field) => field.column) },
  };
}

/** Whether unknown fields are taken (and dropped). Throws for a `.catchall()` that would have to be stored. */
export function isLoose(schema: z.core.$ZodObject, place: Place): boolean {
  const catchall = schema._zod.def.catchall;
  if (catchall === undefined) return false;
  const { type } = asZodType(catchall)._zod.def;
  if (type === "never") return false;
  if (type === "unknown" || type === "any") return true;
  throw refusal(
    place,
    ".catchall() has no column",
    "Keep the other fields in one of their own: z.record(z.string(), …)",
  );
}

function wireOf(value: ReadValue): WireValue {
  const { type, nullable, absentAsNull } = value;
  return { type, nullable, ...(absentAsNull === true ? { absentAsNull } : {}) };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
