import type { JsonSchema } from "../../serve/openapi/json-schema.ts";

/** Where a value comes from: what a caller gives may be read-only, and undefined where it may be absent. */
export type Direction = "in" | "out";

/**
 * The TypeScript type of what a JSON Schema takes, as source text. Of a schema's keywords those count that a type can
 * say; what the schema leaves open is `unknown`. Lines after the first are indented by `indent`.
 */
export function schemaType(schema: JsonSchema, direction: Direction, indent = ""): string {
  const choices = schema.anyOf ?? asSchemas(schema["oneOf"]);
  if (choices !== undefined) return union(choices.map((choice) => schemaType(choice, direction, indent)));
  const all = asSchemas(schema["allOf"]);
  if (all !== undefined) return all.map((one) => group(schemaType(one, direction, indent))).join(" & ");
  if (schema.enum !== undefined) return union(schema.enum.map(literal));
  if (schema.const !== undefined) return literal(schema.const);
  if (schema["not"] !== undefined) return "never";
  if (schema.type === undefined) return "unknown";
  const types = [schema.type].flat();
  if (schema["pattern"] === NO_NUMBER)
    return union(["number", ...NO_NUMBERS, ...types.filter((type) => type === "null")]);
  return union(types.map((type) => plainType(type, schema, direction, indent)));
}

/** What the store's columns of floats answer with where JSON has no number, as a pattern and as types. */
const NO_NUMBER = "^(nan|-?inf)$";
const NO_NUMBERS = ['"nan"', '"inf"', '"-inf"'];

/** The members of an object type with their comments, one below the other; without the braces. */
export function objectMembers(schema: JsonSchema, direction: Direction, indent: string): string {
  const required = new Set(schema.required);
  const members = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const type = schemaType(property, direction, indent);
    const optional = required.has(name) ? ":" : "?:";
    const orUndefined = !required.has(name) && direction === "in" && type !== "unknown" ? " | undefined" : "";
    return `${docComment(memberDoc(property), indent)}${indent}${propertyName(name)}${optional} ${type}${orUndefined};\n`;
  });
  if (takesOthers(schema)) members.push(`${indent}[name: string]: unknown;\n`);
  return members.join("");
}

/** A documentation comment with its line end; nothing for an empty text. */
export function docComment(text: string, indent: string): string {
  // Nothing in a description may end the comment.
  const lines = text
    .trim()
    .replaceAll("*/", "*\\/")
    .split(/\r\n|[\n\r\u2028\u2029]/);
  if (lines.length === 1) return lines[0] === "" ? "" : `${indent}/** ${lines[0]} */\n`;
  const inner = lines.map((line) => `${indent} * ${line}`.trimEnd() + "\n").join("");
  return `${indent}/**\n${inner}${indent} */\n`;
}

function plainType(type: string, schema: JsonSchema, direction: Direction, indent: string): string {
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return arrayType(schema, direction, indent);
    case "object":
      return objectType(schema, direction, indent);
    default:
      return "unknown";
  }
}

function arrayType(schema: JsonSchema, direction: Direction, indent: string): string {
  const readonly = direction === "in" ? "readonly " : "";
  const places = asSchemas(schema["prefixItems"]);
  // `items: false` after places says that there are no more.
  const items = schema.items as JsonSchema | false | undefined;
  if (places === undefined) {
    // The store's type of a list that is always empty, or was in what was tried: it says nothing of its items.
    const open = items === undefined || items === false || items.type === "null";
    return `${readonly}${open ? "unknown" : group(schemaType(items, direction, indent))}[]`;
  }
  const min = typeof schema["minItems"] === "number" ? schema["minItems"] : 0;
  const elements = places.map((place, index) => {
    const element = schemaType(place, direction, indent);
    return index < min ? element : `${group(element)}?`;
  });
  if (items !== false && items !== undefined) {
    elements.push(`...${group(schemaType(items, direction, indent))}[]`);
  }
  return `${readonly}[${elements.join(", ")}]`;
}

function objectType(schema: JsonSchema, direction: Direction, indent: string): string {
  const others = schema.additionalProperties === true ? {} : schema.additionalProperties;
  if (typeof others === "object" && Object.keys(schema.properties ?? {}).length === 0) {
    const keys = (schema["propertyNames"] as JsonSchema | undefined)?.enum;
    if (keys === undefined) return `Record<string, ${schemaType(others, direction, indent)}>`;
    const properties = Object.fromEntries(keys.map((key) => [String(key), others]));
    const named: JsonSchema = { type: "object", properties, required: schema.required ?? [] };
    return objectType({ ...named, additionalProperties: false }, direction, indent);
  }
  const members = objectMembers(schema, direction, `${indent}  `);
  if (members !== "") return `{\n${members}${indent}}`;
  return others === false ? "Record<string, never>" : "Record<string, unknown>";
}

/** Others than those that are named, which in TypeScript must go together with the types of these. */
function takesOthers({ additionalProperties }: JsonSchema): boolean {
  return additionalProperties === true || typeof additionalProperties === "object";
}

/** The description, and what a type can't say. */
function memberDoc(schema: JsonSchema): string {
  const { description = "", format, default: fallback } = schema;
  const shown = format !== undefined && SPEAKING_FORMATS[format];
  const parts = [
    ...(shown === undefined || shown === false ? [] : [shown]),
    ...(fallback === undefined ? [] : [`Default ${JSON.stringify(fallback)}.`]),
  ];
  return [description.trim(), parts.join(" ")].filter((line) => line !== "").join("\n");
}

const SPEAKING_FORMATS: Readonly<Record<string, string>> = {
  date: "A date: yyyy-mm-dd.",
  "date-time": "A datetime: RFC 3339.",
  time: "A time: hh:mm:ss.",
  uuid: "A UUID.",
  ipv4: "An IPv4 address.",
  ipv6: "An IPv6 address.",
};

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

function propertyName(name: string): string {
  return IDENTIFIER.test(name) ? name : JSON.stringify(name);
}

function literal(value: unknown): string {
  const plain = value === null || ["string", "number", "boolean"].includes(typeof value);
  return plain ? JSON.stringify(value) : "unknown";
}

function union(types: readonly string[]): string {
  const parts = new Set(types.flatMap(topLevelChoices));
  if (parts.has("unknown")) return "unknown";
  const some = [...parts].filter((part) => part !== "never");
  return some.length === 0 ? "never" : some.join(" | ");
}

/** `number | string` as its two choices, so that no choice stands in a union twice. */
function topLevelChoices(type: string): readonly string[] {
  return /^(number|string|boolean|null)( \| (number|string|boolean|null))+$/.test(type)
    ? type.split(" | ")
    : [type];
}

/** In brackets where an operator would bind wrongly. */
function group(type: string): string {
  return /^(\w+|\{[^{}]*\}|"[^"\\|&]*")$/.test(type) ? type : `(${type})`;
}

function asSchemas(value: unknown): readonly JsonSchema[] | undefined {
  return Array.isArray(value) ? (value as readonly JsonSchema[]) : undefined;
}
