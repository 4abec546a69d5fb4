import { isWideInteger } from "./result-columns.ts";
import { parseType, type TypeTree } from "./type-tree.ts";

/** Where in a value of some type the integers are that a JSON number may be too small for. */
export type JsonShape =
  /** Nowhere: the engine's JSON can be taken as it is. */
  | { readonly kind: "plain" }
  /** It is one. */
  | { readonly kind: "integer" }
  /** In the items of a list or the values of an object, all of one shape. */
  | { readonly kind: "each"; readonly item: JsonShape }
  /** In a tuple: a list or an object with a shape for each place. */
  | { readonly kind: "places"; readonly items: readonly JsonShape[] }
  /** The type doesn't tell: anywhere. */
  | { readonly kind: "any" };

export const PLAIN: JsonShape = { kind: "plain" };
const INTEGER: JsonShape = { kind: "integer" };
const ANY: JsonShape = { kind: "any" };

export function jsonShape(type: string): JsonShape {
  return shapeOf(parseType(type));
}

function shapeOf(type: TypeTree): JsonShape {
  const [first, second] = type.inner;
  switch (type.name) {
    case "Nullable":
    case "LowCardinality":
      return first === undefined ? PLAIN : shapeOf(first);
    case "Array":
      return each(first);
    case "Map":
      return each(second);
    case "Nested":
      return { kind: "each", item: places(type.inner) };
    case "Tuple":
      return places(type.inner);
    case "Variant":
    case "Dynamic":
    case "JSON":
    case "Object":
      return ANY;
    default:
      return isWideInteger(type.name) ? INTEGER : PLAIN;
  }
}

function each(item: TypeTree | undefined): JsonShape {
  const shape = item === undefined ? PLAIN : shapeOf(item);
  return shape.kind === "plain" ? PLAIN : { kind: "each", item: shape };
}

function places(elements: readonly TypeTree[]): JsonShape {
  const items = elements.map(shapeOf);
  return items.every((item) => item.kind === "plain") ? PLAIN : { kind: "places", items };
}
