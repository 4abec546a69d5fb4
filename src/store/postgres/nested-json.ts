import type { Column, ColumnType } from "../../project/column.ts";
import { emptyJson } from "./column-types.ts";
import { ValueProblem, type JsonCursor } from "./json-cursor.ts";
import { scalarJson } from "./scalar-text.ts";

/** The value that is next as JSON text for a jsonb: as it will be answered. */
export function nestedJson(type: ColumnType, nullable: boolean, cursor: JsonCursor): string {
  if (cursor.peek() === "n") {
    if (!nullable) throw new ValueProblem("null stands where no null can be");
    cursor.word();
    return "null";
  }
  if (type.kind === "array") return listJson(type.element, type.nullable, cursor);
  if (type.kind === "map") return mapJson(type.value, type.nullable, cursor);
  return type.kind === "tuple" ? objectJson(type.fields, cursor) : scalarJson(type, cursor);
}

function listJson(element: ColumnType, nullable: boolean, cursor: JsonCursor): string {
  cursor.expect("[");
  const items: string[] = [];
  if (cursor.takes("]")) return "[]";
  do items.push(nestedJson(element, nullable, cursor));
  while (cursor.takes(","));
  cursor.expect("]");
  return `[${items.join(",")}]`;
}

function mapJson(value: ColumnType, nullable: boolean, cursor: JsonCursor): string {
  const members = new Map<string, string>();
  eachMember(cursor, (name) => {
    members.set(name, nestedJson(value, nullable, cursor));
  });
  return `{${[...members].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`;
}

function objectJson(fields: readonly Column[], cursor: JsonCursor): string {
  const members = new Map<string, string>();
  eachMember(cursor, (name) => {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) throw new ValueProblem(`There is no field ${name.slice(0, 80)}`);
    members.set(name, nestedJson(field.type, field.nullable, cursor));
  });
  const texts = fields.map(({ name, type, nullable }) => {
    const json = members.get(name) ?? (nullable ? "null" : emptyJson(type));
    if (json === undefined) throw new ValueProblem(`The field ${name} is missing`);
    return `${JSON.stringify(name)}:${json}`;
  });
  return `{${texts.join(",")}}`;
}

/** Calls back at each member's value. A name that comes twice, or that PostgreSQL can't hold, is a problem. */
export function eachMember(cursor: JsonCursor, value: (name: string) => void): void {
  cursor.expect("{");
  if (cursor.takes("}")) return;
  const seen = new Set<string>();
  do {
    if (cursor.peek() !== '"') throw new ValueProblem("A name of a field isn't a string");
    const name = cursor.string();
    if (name.includes("\0")) throw new ValueProblem("PostgreSQL's texts can't hold the character U+0000");
    if (seen.has(name)) throw new ValueProblem(`The field ${name.slice(0, 80)} is there twice`);
    seen.add(name);
    cursor.expect(":");
    value(name);
  } while (cursor.takes(","));
  cursor.expect("}");
}
