import type { JsonNode } from "./json-node.ts";
import type { Scope } from "./scope.ts";

/** A value that fits its column. */
export interface Judged {
  /** What Zod is to see. */
  readonly value: unknown;
  /** The JSON text that the store loads, exact. */
  readonly line: string;
}

/**
 * Judges one JSON value and notes what is wrong in the scope. Undefined when the value itself is; a container comes back
 * without the parts that are.
 */
export type Judge = (node: JsonNode, scope: Scope) => Judged | undefined;
