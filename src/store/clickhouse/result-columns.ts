import type { ResultColumn } from "../store.ts";
import { parseType, type TypeTree } from "./type-tree.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

/** A result's column, with the JSON Schema of what a JSON answer holds for it. */
export function resultColumn(name: string, type: string): ResultColumn {
  return { name, type, jsonSchema: jsonSchema(parseType(type)) };
}

/** Whether numbers of this type can be beyond what a JSON number holds exactly. */
export function isWideInteger(name: string): boolean {
  return /^U?Int(64|128|256)$/.test(name);
}

function jsonSchema(type: TypeTree): JsonSchema {
  const [first, second] = type.inner;
  switch (type.name) {
    case "Nullable":
      return first === undefined ? {} : orNull(jsonSchema(first));
    case "LowCardinality":
      return first === undefined ? {} : jsonSchema(first);
    case "Array":
      return { type: "array", items: first === undefined ? {} : jsonSchema(first) };
    case "Map":
      return { type: "object", additionalProperties: second === undefined ? {} : jsonSchema(second) };
    case "Nested":
      return { type: "array", items: tupleSchema(type) };
    case "Tuple":
      return tupleSchema(type);
    case "Nothing":
      return { type: "null" };
    case "Variant":
      return orNull({ anyOf: type.inner.map(jsonSchema) });
    case "Dynamic":
    case "JSON":
    case "Object":
      return {};
    default:
      return plainSchema(type.name);
  }
}

function plainSchema(name: string): JsonSchema {
  const integer = /^(U?)Int(8|16|32)$/.exec(name);
  if (integer !== null) {
    const bits = Number(integer[2]);
    return integer[1] === "U"
      ? { type: "integer", minimum: 0, maximum: 2 ** bits - 1 }
      : { type: "integer", minimum: -(2 ** (bits - 1)), maximum: 2 ** (bits - 1) - 1 };
  }
  // A number when 53 bits hold it, else a string of digits.
  if (isWideInteger(name)) return { type: ["integer", "string"], pattern: "^-?\\d+$" };
  if (name.startsWith("Decimal")) return { type: "string", pattern: "^-?\\d+(\\.\\d+)?$" };
  // What JSON has no number for comes as "nan", "inf" or "-inf".
  if (/^B?Float/.test(name)) return { type: ["number", "string"], pattern: "^(nan|-?inf)$" };
  if (name === "Bool") return { type: "boolean" };
  if (name.startsWith("DateTime")) return { type: "string", format: "date-time" };
  if (name.startsWith("Date")) return { type: "string", format: "date" };
  if (name === "UUID") return { type: "string", format: "uuid" };
  if (name === "IPv4") return { type: "string", format: "ipv4" };
  if (name === "IPv6") return { type: "string", format: "ipv6" };
  return { type: "string" };
}

/** A tuple whose elements have names comes as an object, another as an array. */
function tupleSchema(type: TypeTree): JsonSchema {
  const items = type.inner.map(jsonSchema);
  if (type.names === undefined) {
    return { type: "array", prefixItems: items, items: false, minItems: items.length };
  }
  return {
    type: "object",
    properties: Object.fromEntries(type.names.map((name, index) => [name, items[index]])),
    required: type.names,
    additionalProperties: false,
  };
}

function orNull(schema: JsonSchema): JsonSchema {
  const { type } = schema;
  if (typeof type === "string") return { ...schema, type: [type, "null"] };
  if (Array.isArray(type)) return { ...schema, type: [...type, "null"] };
  return Object.keys(schema).length === 0 ? schema : { anyOf: [schema, { type: "null" }] };
}
