import type { Column, ColumnType, StreamSchema } from "./column.ts";
import type { Stream } from "./declarations.ts";
import { eventTypeOf } from "./schema/stream-schema.ts";
import type { JsonNode } from "./validate/json-node.ts";
import { isEventError, readJson } from "./validate/read-json.ts";
import type { WireType } from "./wire-type.ts";

/**
 * Turns a stored line of an earlier schema into the JSON that a producer of today's declaration would have sent for it.
 * The two differ where a column keeps a value as text (any JSON) or as a number (decimals in strings).
 */
export type WireLine = (line: Buffer, schema: StreamSchema) => Buffer;

export function createWireLine(stream: Stream): WireLine {
  const fields = new Map(
    eventTypeOf(stream.zod, stream.name).fields.map((field) => [field.name, field.type]),
  );
  return (line, { columns }) => {
    if (!columns.some(differs)) return line;
    const node = readJson(line.toString("utf8"), Infinity);
    if (isEventError(node) || node.kind !== "object") return line;
    return Buffer.from(renderObject(node, columns, fields));
  };
}

function differs({ type }: Column): boolean {
  return !["string", "enum", "boolean", "int", "float", "date", "datetime", "uuid"].includes(type.kind);
}

type Members = JsonNode & { readonly kind: "object" };

function renderObject(
  node: Members,
  columns: readonly Column[],
  fields: ReadonlyMap<string, WireType>,
): string {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const members = [...node.members].map(
    ([name, member]) => `${JSON.stringify(name)}:${render(member, types.get(name), fields.get(name))}`,
  );
  return `{${members.join(",")}}`;
}

function render(node: JsonNode, was: ColumnType | undefined, is: WireType | undefined): string {
  const now = is?.kind === "slow" ? is.type : is;
  if (was?.kind === "json" && node.kind === "string") return node.value;
  if (node.kind === "number" && now?.kind === "decimal" && now.text === true)
    return JSON.stringify(node.text);
  if (was?.kind === "array" && node.kind === "array") {
    const element = now?.kind === "array" ? now.element.type : undefined;
    return `[${node.items.map((item) => render(item, was.element, element)).join(",")}]`;
  }
  if (was?.kind === "map" && node.kind === "object") {
    const value = now?.kind === "map" ? now.value.type : undefined;
    const members = [...node.members].map(
      ([name, member]) => `${JSON.stringify(name)}:${render(member, was.value, value)}`,
    );
    return `{${members.join(",")}}`;
  }
  if (was?.kind === "tuple" && node.kind === "object") {
    const fields = now?.kind === "object" ? now.fields : [];
    return renderObject(node, was.fields, new Map(fields.map((field) => [field.name, field.type])));
  }
  return node.source.slice(node.start, node.end);
}
