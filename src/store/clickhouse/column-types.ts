import type { Column, ColumnType } from "../../project/column.ts";
import { quoteName } from "./quote.ts";

/** The ClickHouse type of a column; the declaration's own type wins. */
export function clickhouseType(column: Column): string {
  if (column.native === undefined) return valueType(column.type, column.nullable);
  return column.nullable ? nullableNative(column.native) : column.native;
}

/** A column list such as `a` Int32, `b` String: for CREATE TABLE and for the structure of a file. */
export function columnList(columns: readonly Column[]): string {
  return columns.map((column) => `${quoteName(column.name)} ${clickhouseType(column)}`).join(", ");
}

function valueType(type: ColumnType, nullable: boolean): string {
  const name = typeName(type);
  if (!nullable || /^(Array|Map|Tuple)\(/.test(name)) return name;
  return name.startsWith("LowCardinality(") ? nullableNative(name) : `Nullable(${name})`;
}

function typeName(type: ColumnType): string {
  switch (type.kind) {
    case "enum":
      // A dictionary instead of Enum8, so that a new value needs no change of the table.
      return "LowCardinality(String)";
    case "int":
      return `${type.signed ? "Int" : "UInt"}${type.bits}`;
    case "float":
      return `Float${type.bits}`;
    case "decimal":
      return `Decimal(${type.precision}, ${type.scale})`;
    case "datetime":
      return `DateTime64(${type.precision}, 'UTC')`;
    case "array":
      return `Array(${valueType(type.element, type.nullable)})`;
    case "map":
      return `Map(String, ${valueType(type.value, type.nullable)})`;
    case "tuple":
      return `Tuple(${columnList(type.fields)})`;
    case "string":
    case "json":
    case "boolean":
    case "date":
    case "uuid":
    case "ipv4":
    case "ipv6":
      break;
  }
  return SIMPLE_TYPES[type.kind];
}

const SIMPLE_TYPES = {
  string: "String",
  json: "String",
  boolean: "Bool",
  date: "Date32",
  uuid: "UUID",
  ipv4: "IPv4",
  ipv6: "IPv6",
};

function nullableNative(native: string): string {
  const dictionary = /^LowCardinality\((.*)\)$/s.exec(native)?.[1];
  if (dictionary !== undefined) return `LowCardinality(${nullableNative(dictionary)})`;
  return /^(Nullable|Array|Map|Tuple)\(/.test(native) ? native : `Nullable(${native})`;
}
