import type { ColumnType } from "../column.ts";

/** A column type that the declaration gave in the engine's words. */
export interface NativeType {
  /** In the engine's words, with the time zone filled in: "DateTime64(6, 'UTC')". */
  readonly text: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Whether the column type says it all; false for LowCardinality, Date and the like, which need the text too. */
  readonly plain: boolean;
  /** Date and DateTime, which hold less than Date32 and DateTime64. */
  readonly narrow: boolean;
  /** Of the items of an Array, or the values of a Map. */
  readonly element?: NativeType;
}

/** What can be given, for messages. */
export const NATIVE_TYPES =
  "String, Enum8/16, Bool, Int8/16/32/64, UInt8/16/32/64, Float32/64, Decimal(P, S), Date, Date32, DateTime, " +
  "DateTime64(P), UUID, IPv4, IPv6, LowCardinality(T), Array(T) and Map(String, T)";

/** The most digits of a Decimal, and of a second in a DateTime64. */
const DECIMAL_DIGITS_MAX = 76;
const SECOND_DIGITS_MAX = 9;

const INTEGER = /^(U?)Int(8|16|32|64)$/;
const BITS = { "8": 8, "16": 16, "32": 32, "64": 64 } as const;

/** Reads a type such as "Decimal(18, 4)" or "LowCardinality(String)"; undefined for one whose rules aren't known. */
export function parseNativeType(text: string): NativeType | undefined {
  const match = /^([A-Za-z0-9]+)(?:\((.*)\))?$/s.exec(text.trim());
  if (match === null) return undefined;
  const [, name = "", args] = match;
  return args === undefined ? parsePlain(name) : parseWithArguments(name, args);
}

function parsePlain(name: string): NativeType | undefined {
  const integer = INTEGER.exec(name);
  if (integer !== null) {
    const bits = BITS[integer[2] as keyof typeof BITS];
    return leaf(name, { kind: "int", bits, signed: integer[1] === "" });
  }
  switch (name) {
    case "String":
      return leaf(name, { kind: "string" });
    case "Bool":
      return leaf(name, { kind: "boolean" });
    case "Float32":
      return leaf(name, { kind: "float", bits: 32 });
    case "Float64":
      return leaf(name, { kind: "float", bits: 64 });
    case "Date32":
      return leaf(name, { kind: "date" });
    case "Date":
      return { ...leaf(name, { kind: "date" }), plain: false, narrow: true };
    case "DateTime":
      return parseWithArguments("DateTime", "'UTC'");
    case "DateTime64":
      return parseWithArguments("DateTime64", "3");
    case "UUID":
      return leaf(name, { kind: "uuid" });
    case "IPv4":
      return leaf(name, { kind: "ipv4" });
    case "IPv6":
      return leaf(name, { kind: "ipv6" });
    default:
      return undefined;
  }
}

function parseWithArguments(name: string, args: string): NativeType | undefined {
  switch (name) {
    case "Decimal":
      return parseDecimal(args);
    case "DateTime":
      return isUtc(args)
        ? { ...leaf("DateTime('UTC')", { kind: "datetime", precision: 0 }), plain: false, narrow: true }
        : undefined;
    case "DateTime64":
      return parseDateTime64(args);
    case "Enum":
    case "Enum8":
    case "Enum16":
      return parseEnum(name, args);
    case "LowCardinality":
    case "Nullable":
      return parseWrapper(name, args);
    case "Array": {
      const element = parseNativeType(args);
      if (element === undefined) return undefined;
      const type: ColumnType = { kind: "array", element: element.type, nullable: element.nullable };
      return { ...leaf(`Array(${element.text})`, type), plain: element.plain, element };
    }
    case "Map":
      return parseMap(args);
    default:
      return undefined;
  }
}

function parseDecimal(args: string): NativeType | undefined {
  const match = /^\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?$/.exec(args);
  if (match === null) return undefined;
  const precision = Number(match[1]);
  const scale = Number(match[2] ?? 0);
  if (precision < 1 || precision > DECIMAL_DIGITS_MAX || scale > precision) return undefined;
  return leaf(`Decimal(${precision}, ${scale})`, { kind: "decimal", precision, scale });
}

function parseDateTime64(args: string): NativeType | undefined {
  const match = /^\s*(\d)\s*(?:,(.*))?$/.exec(args);
  if (match === null || !isUtc(match[2] ?? "'UTC'")) return undefined;
  const precision = Number(match[1]);
  if (precision > SECOND_DIGITS_MAX) return undefined;
  return leaf(`DateTime64(${precision}, 'UTC')`, { kind: "datetime", precision });
}

/** Only UTC: an event's datetime is stored in UTC, and a column's zone would change what is read back. */
function isUtc(zone: string): boolean {
  return /^\s*'(?:Etc\/)?UTC'\s*$/.test(zone);
}

function parseEnum(name: string, args: string): NativeType | undefined {
  const entry = /\s*'((?:[^'\\]|\\.)*)'(?:\s*=\s*-?\d+)?\s*(?:,|$)/y;
  const values: string[] = [];
  while (entry.lastIndex < args.length) {
    const match = entry.exec(args);
    if (match === null) return undefined;
    values.push((match[1] ?? "").replaceAll(/\\(.)/g, "$1"));
  }
  if (values.length === 0) return undefined;
  return { ...leaf(`${name}(${args})`, { kind: "enum", values }), plain: false };
}

function parseWrapper(name: "LowCardinality" | "Nullable", args: string): NativeType | undefined {
  const inner = parseNativeType(args);
  if (inner === undefined || inner.element !== undefined || inner.nullable) return undefined;
  if (name === "Nullable") {
    // LowCardinality goes outside in the engine's words.
    return inner.text.startsWith("LowCardinality(")
      ? undefined
      : { ...inner, nullable: true, text: `Nullable(${inner.text})` };
  }
  // The engine takes others only with a setting, because they gain nothing.
  if (inner.type.kind !== "string") return undefined;
  return { ...inner, plain: false, text: `LowCardinality(${inner.text})` };
}

function parseMap(args: string): NativeType | undefined {
  const match = /^\s*(String|LowCardinality\(\s*String\s*\))\s*,(.*)$/s.exec(args);
  const element = parseNativeType(match?.[2] ?? "");
  if (match === null || element === undefined) return undefined;
  const key = (match[1] ?? "").replaceAll(/\s/g, "");
  const type: ColumnType = { kind: "map", value: element.type, nullable: element.nullable };
  return { ...leaf(`Map(${key}, ${element.text})`, type), plain: element.plain && key === "String", element };
}

function leaf(text: string, type: ColumnType): NativeType {
  return { text, type, nullable: false, plain: true, narrow: false };
}
