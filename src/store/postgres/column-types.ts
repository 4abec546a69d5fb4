import type { Column, ColumnType } from "../../project/column.ts";

/** Digits of a second that the server keeps. */
export const SECOND_DIGITS_MAX = 6;

/**
 * The PostgreSQL type of a column. The words of `.meta({ column })` are ClickHouse's: what they say about values is in the
 * column's type already, and what they say about storage (LowCardinality, Date for Date32) means nothing here.
 */
export function postgresType(type: ColumnType): string {
  switch (type.kind) {
    case "string":
    case "enum":
    case "json":
      // JSON as its text, character by character; the SQL says value::json.
      return "text";
    case "boolean":
      return "boolean";
    case "int":
      return integerType(type.bits, type.signed);
    case "float":
      return type.bits === 32 ? "real" : "double precision";
    case "decimal":
      return decimalType(type.precision, type.scale);
    case "date":
      return "date";
    case "datetime":
      return `timestamp(${type.precision}) with time zone`;
    case "uuid":
      return "uuid";
    case "ipv4":
    case "ipv6":
      return "inet";
    case "array":
    case "map":
    case "tuple":
      return "jsonb";
    default:
      return type satisfies never;
  }
}

/** What 64 bits without a sign are stored in; answers read it as an integer. */
export const UINT64_TYPE = "numeric(20,0)";

function integerType(bits: 8 | 16 | 32 | 64, signed: boolean): string {
  if (bits === 64) return signed ? "bigint" : UINT64_TYPE;
  if (bits === 32) return signed ? "integer" : "bigint";
  if (bits === 16) return signed ? "smallint" : "integer";
  return "smallint";
}

/** One digit more where it would look like 64 bits without a sign, which comes out as a number and not as a decimal. */
function decimalType(precision: number, scale: number): string {
  const digits = precision === 20 && scale === 0 ? 21 : precision;
  return `numeric(${digits},${scale})`;
}

/** The type with what a jsonb holds, and whether null may be there: for people, and to tell one column from another. */
export function spelledType(type: ColumnType, nullable: boolean): string {
  const nested = postgresType(type) === "jsonb" ? ` ${nestedText(type)}` : "";
  return `${postgresType(type)}${nested}${nullable ? "" : " NOT NULL"}`;
}

export const columnText = (column: Column): string => spelledType(column.type, column.nullable);

function nestedText(type: ColumnType): string {
  if (type.kind === "array") return `array(${elementText(type.element, type.nullable)})`;
  if (type.kind === "map") return `map(${elementText(type.value, type.nullable)})`;
  if (type.kind !== "tuple") return postgresType(type);
  const fields = type.fields.map((field) => `${field.name} ${elementText(field.type, field.nullable)}`);
  return `object(${fields.join(", ")})`;
}

function elementText(type: ColumnType, nullable: boolean): string {
  return `${nestedText(type)}${nullable ? " null" : ""}`;
}

/** What PostgreSQL can't hold of a column; undefined when it can. */
export function columnProblem({ name, type }: Pick<Column, "name" | "type">): string | undefined {
  if (type.kind !== "datetime" || type.precision <= SECOND_DIGITS_MAX) return undefined;
  return (
    `column ${name} keeps ${type.precision} digits of a second, PostgreSQL at most ${SECOND_DIGITS_MAX}. ` +
    `Declare .meta({ column: "DateTime64(${SECOND_DIGITS_MAX}, 'UTC')" }), or keep the rest in a field of its own`
  );
}

/** Whether rows that lack the column can do without: null, or an empty list or map, says "none". */
export function canBeAbsent({ nullable, type }: Column): boolean {
  if (type.kind === "tuple") return type.fields.every(canBeAbsent);
  return nullable || type.kind === "array" || type.kind === "map";
}

/** What stands in a jsonb column of a row that doesn't say: an empty list or map, an object of nulls. */
export function emptyJson(type: ColumnType): string | undefined {
  if (type.kind === "array") return "[]";
  if (type.kind === "map") return "{}";
  if (type.kind !== "tuple") return undefined;
  const members = type.fields.map((field) => [field.name, field.nullable ? "null" : emptyJson(field.type)]);
  if (members.some(([, value]) => value === undefined)) return undefined;
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}
