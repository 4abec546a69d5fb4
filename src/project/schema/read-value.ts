import type { z } from "zod";
import type { Column, ColumnType } from "../column.ts";
import { fieldNameProblem } from "../names.ts";
import type { WireField, WireType, WireValue } from "../wire-type.ts";
import { NATIVE_TYPES, type NativeType, parseNativeType } from "./native-type.ts";
import { readNumber, readNumberLiterals } from "./read-number.ts";
import { readString, type ReadType } from "./read-string.ts";
import { inside, type Place, refusal } from "./refusal.ts";
import { unwrap } from "./unwrap.ts";
import { asZodType, checksOf } from "./zod-checks.ts";
import { unsupported } from "./unsupported.ts";

/** Fields of one object. A table with more columns than this is a mistake, and slow. */
const FIELDS_MAX = 1_000;

/** What is known on the way down. */
interface Way {
  /** The column type that a field around this one gave for it. */
  readonly wanted?: NativeType | undefined;
  /** Items of arrays and values of records, which have no column of their own. */
  readonly element?: boolean;
  /** The objects around this one: one that holds itself has no column. */
  readonly ancestors: readonly z.core.$ZodType[];
}

interface ReadValue extends WireValue {
  readonly column: ColumnType;
  readonly defaultValue: (() => unknown) | undefined;
  readonly native: string | undefined;
}

/** Reads the fields of an object schema. Throws `schema_unsupported` for a field that no column can hold. */
export function readFields(
  schema: z.core.$ZodObject,
  place: Place,
  ancestors: readonly z.core.$ZodType[],
): WireField[] {
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
    const { type, nullable, absentAsNull, defaultValue } = read;
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
    };
  });
}

function readValue(schema: z.core.$ZodType, place: Place, way: Way): ReadValue {
  const { inner, nullable: absent, absentAsNull, defaultValue, column: said } = unwrap(schema, place);
  const wanted = wantedType(said, place, way);
  if (way.element === true && defaultValue !== undefined) {
    throw refusal(place, "a default inside an array or record is never used", "Leave the default out");
  }
  const nullable = absent && defaultValue === undefined;
  const { type, column } = readType(inner, place, wanted, way.ancestors);
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

function readType(
  schema: z.core.$ZodTypes,
  place: Place,
  wanted: NativeType | undefined,
  ancestors: readonly z.core.$ZodType[],
): ReadType {
  const read = readKind(schema, place, wanted, ancestors);
  if (read === undefined) {
    throw refusal(
      place,
      `column "${wanted?.text ?? ""}" can't hold what the type takes`,
      "docs/TYPES.md lists what goes together",
    );
  }
  return read;
}

function readKind(
  schema: z.core.$ZodTypes,
  place: Place,
  wanted: NativeType | undefined,
  ancestors: readonly z.core.$ZodType[],
): ReadType | undefined {
  const def = schema._zod.def;
  if ("coerce" in def && def.coerce === true) throw unsupported(place, "coerce");
  switch (def.type) {
    case "string":
    case "template_literal":
      return readString(schema as z.core.$ZodString | z.core.$ZodTemplateLiteral, place, wanted);
    case "number":
    case "bigint":
      return readNumber(schema as z.core.$ZodNumber | z.core.$ZodBigInt, place, wanted);
    case "boolean":
      return only(wanted, "boolean", slowIfChecked(schema, { kind: "boolean" }), { kind: "boolean" });
    case "enum":
      return readEnum(schema, Object.values(def.entries), place, wanted);
    case "literal":
      return readLiteral(schema, def.values, place, wanted);
    case "any":
    case "unknown":
      return only(wanted, "string", slowIfChecked(schema, { kind: "json" }), { kind: "json" });
    case "lazy":
      if (!isJson(schema)) throw unsupported(place, "lazy");
      return only(wanted, "string", { kind: "slow", type: { kind: "json" } }, { kind: "json" });
    case "array":
      return readArray(schema as z.core.$ZodArray, place, wanted, ancestors);
    case "record":
      return readRecord(schema as z.core.$ZodRecord, place, wanted, ancestors);
    case "object":
      if (wanted !== undefined)
        throw refusal(place, "an object takes no column", "Give columns on its fields");
      if (ancestors.includes(schema)) throw unsupported(place, "lazy");
      return readObject(schema as z.core.$ZodObject, place, ancestors);
    default:
      throw unsupported(place, def.type);
  }
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
    return only(wanted, "boolean", { kind: "slow", type: { kind: "boolean" } }, { kind: "boolean" });
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

function readArray(
  schema: z.core.$ZodArray,
  place: Place,
  wanted: NativeType | undefined,
  ancestors: readonly z.core.$ZodType[],
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
    else if (check.check === "length_equals") min = max = check.length;
    else slow = true;
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
  ancestors: readonly z.core.$ZodType[],
): ReadType | undefined {
  if (wanted !== undefined && wanted.type.kind !== "map") return undefined;
  const { keyType, valueType } = schema._zod.def;
  const key = unwrap(keyType, place).inner;
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

function readObject(
  schema: z.core.$ZodObject,
  place: Place,
  ancestors: readonly z.core.$ZodType[],
): ReadType {
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

/** `z.json()` is a lazy union that holds itself. */
function isJson(schema: z.core.$ZodTypes): boolean {
  const { def } = schema._zod;
  if (def.type !== "lazy") return false;
  const inner = asZodType(def.getter())._zod.def;
  if (inner.type !== "union") return false;
  const array = inner.options
    .map((option) => asZodType(option)._zod.def)
    .find((option) => option.type === "array");
  return array?.element === schema;
}

function slowIfChecked(schema: z.core.$ZodTypes, type: WireType): WireType {
  return checksOf(schema).length === 0 ? type : { kind: "slow", type };
}

function only(
  wanted: NativeType | undefined,
  kind: ColumnType["kind"],
  type: WireType,
  column: ColumnType,
): ReadType | undefined {
  return wanted === undefined || wanted.type.kind === kind ? { type, column } : undefined;
}

function wireOf(value: ReadValue): WireValue {
  const { type, nullable, absentAsNull } = value;
  return { type, nullable, ...(absentAsNull === true ? { absentAsNull } : {}) };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
