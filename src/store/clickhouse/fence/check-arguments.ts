import { HeadraceError } from "../../../errors.ts";
import type { KnownFunctions } from "./functions.ts";
import { listUnder, type TreeNode } from "./query-tree.ts";

/** Functions that take the name of a type, by the place of that argument; -1 is the last. */
const TYPE_ARGUMENTS: Readonly<Record<string, number>> = {
  cast: 1,
  _cast: 1,
  accuratecast: 1,
  accuratecastornull: 1,
  accuratecastordefault: 1,
  reinterpret: 1,
  dynamicelement: 1,
  variantelement: 1,
  jsonextract: -1,
  jsonextractcaseinsensitive: -1,
  jsonextractkeysandvalues: -1,
  jsonextractkeysandvaluescaseinsensitive: -1,
};

/** Functions whose first argument is the name of an aggregate function. */
const AGGREGATE_ARGUMENTS = new Set(["arrayreduce", "arrayreduceinranges", "initializeaggregation"]);

/**
 * Checks arguments that are themselves names of types or functions: they must be written out, so that they can be read
 * before anything runs.
 * @throws HeadraceError `sql_refused`
 */
export function checkArguments(name: string, node: TreeNode, functions: KnownFunctions): void {
  const lower = name.toLowerCase();
  const place = TYPE_ARGUMENTS[lower];
  const args = listUnder(node, "ARGUMENTS");
  // With one argument or none there is no type among them, and the engine will say so.
  if (place !== undefined && args.length > 1) checkType(name, args.at(place));
  if (AGGREGATE_ARGUMENTS.has(lower)) checkAggregate(name, args[0], functions);
}

/** States of aggregate functions are memory images: one that was made up could do anything to the engine. */
function checkType(name: string, type: TreeNode | undefined): void {
  const text = literalText(type);
  if (text === undefined) throw refused(`The type that ${name} is given must be written out`);
  if (/aggregatefunction/i.test(text)) throw refused("Nothing can be converted to an AggregateFunction here");
}

function checkAggregate(name: string, argument: TreeNode | undefined, functions: KnownFunctions): void {
  const text = literalText(argument);
  if (text === undefined) throw refused(`The function that ${name} is given must be written out`);
  const called = text.replace(/\(.*$/s, "").trim();
  if (!functions.isAllowed(called)) {
    throw refused(`The function ${called.slice(0, 80)} can't be used here`, {
      function: called.slice(0, 80),
    });
  }
}

/** The text of a string that stands in the SQL. */
export function literalText(node: TreeNode | undefined): string | undefined {
  if (node?.kind !== "CONSTANT") return undefined;
  return /(?:^|, )constant_value: '(.*)', constant_value_type: String$/s.exec(node.text)?.[1];
}

function refused(message: string, details: Readonly<Record<string, unknown>> = {}): HeadraceError {
  return new HeadraceError("sql_refused", message, { details });
}
