import type { JsonSchema, ObjectSchema } from "../../serve/openapi/json-schema.ts";

const TEXT_TYPES = new Set(["string", "integer", "number", "boolean"]);

/**
 * Whether every value of these parameters can be said in a query string and is read there as what it was: text carries
 * no types, so the string "5" and the number 5 can't be told apart where both are allowed.
 */
export function fitsQuery({ properties, additionalProperties }: ObjectSchema): boolean {
  return (
    additionalProperties === false && Object.values(properties).every((one) => isText(one) || isList(one))
  );
}

function isList({ type, items, ...rest }: JsonSchema): boolean {
  return type === "array" && rest["prefixItems"] === undefined && items !== undefined && isText(items);
}

function isText(schema: JsonSchema): boolean {
  const kinds = new Set(kindsOf(schema));
  kinds.delete("null");
  // Integers beyond 53 bits: digits with or without quotes are the same number.
  if (schema.anyOf !== undefined && isBigInteger(schema)) return true;
  return kinds.size === 1 && [...kinds].every((kind) => TEXT_TYPES.has(kind));
}

function isBigInteger({ anyOf = [] }: JsonSchema): boolean {
  const choices = anyOf.flatMap((choice) => choice.anyOf ?? [choice]).filter(({ type }) => type !== "null");
  const digits = choices.some(({ type, pattern }) => type === "string" && pattern === "^-?[0-9]+$");
  return choices.length === 2 && digits && choices.some(({ type }) => type === "integer");
}

function kindsOf(schema: JsonSchema): readonly string[] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap(kindsOf);
  if (schema.type !== undefined) return [schema.type].flat();
  if (schema.enum !== undefined) return schema.enum.map((value) => (value === null ? "null" : typeof value));
  return ["unknown"];
}
