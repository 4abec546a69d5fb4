import type { Column, ColumnType } from "../src/project/column.ts";

/** A column's type in ClickHouse's words, as docs/TYPES.md shows it. */
export function columnText({ type, nullable, native }: Column): string {
  const text = native ?? typeText(type);
  if (!nullable) return text;
  const inner = /^LowCardinality\((.*)\)$/.exec(text)?.[1];
  return inner === undefined ? `Nullable(${text})` : `LowCardinality(Nullable(${inner}))`;
}

function typeText(type: ColumnType): string {
  switch (type.kind) {
    case "string":
    case "json":
      return "String";
    case "enum":
      return "LowCardinality(String)";
    case "boolean":
      return "Bool";
    case "int":
      return `${type.signed ? "" : "U"}Int${type.bits}`;
    case "float":
      return `Float${type.bits}`;
    case "decimal":
      return `Decimal(${type.precision}, ${type.scale})`;
    case "date":
      return "Date32";
    case "datetime":
      return `DateTime64(${type.precision}, 'UTC')`;
    case "uuid":
      return "UUID";
    case "ipv4":
      return "IPv4";
    case "ipv6":
      return "IPv6";
    case "array":
      return `Array(${elementText(type.element, type.nullable)})`;
    case "map":
      return `Map(String, ${elementText(type.value, type.nullable)})`;
    case "tuple":
      break;
  }
  return `Tuple(${type.fields.map((field) => `\`${field.name}\` ${columnText(field)}`).join(", ")})`;
}

function elementText(type: ColumnType, nullable: boolean): string {
  return columnText({ name: "", type, nullable });
}
