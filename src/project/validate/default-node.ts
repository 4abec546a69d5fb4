import { HeadraceError } from "../../errors.ts";
import { readJson, isEventError } from "./read-json.ts";
import type { JsonNode } from "./json-node.ts";

/** Defaults are the declaration's own, so only a loop without end has to be stopped. */
const DEFAULT_NESTING_MAX = 100;

/** A default as the JSON that a producer would have sent for it. Throws `schema_unsupported` for what JSON can't say. */
export function defaultNode(value: unknown): JsonNode {
  // 64-bit integers are taken as strings of digits too.
  const text: string | undefined = JSON.stringify(value, (_, each: unknown) =>
    typeof each === "bigint" ? String(each) : each,
  );
  const node = text === undefined ? undefined : readJson(text, DEFAULT_NESTING_MAX);
  if (node === undefined || isEventError(node)) {
    throw new HeadraceError(
      "schema_unsupported",
      `A default must be a value that JSON can say, got ${String(value)}`,
    );
  }
  return node;
}
