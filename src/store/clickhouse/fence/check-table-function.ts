import { HeadraceError } from "../../../errors.ts";
import { literalText } from "./check-arguments.ts";
import { listUnder, type TreeNode } from "./query-tree.ts";

/** The most rows that a table function may make. */
export const MADE_ROWS_MAX = 100_000_000;

const NAME = /(?:^|, )table_function_name: (.*)$/s;

/** Table functions that may be used, with how many rows they make; undefined when their arguments don't tell. */
const ALLOWED = new Map<string, (args: readonly TreeNode[]) => number | undefined>([
  ["numbers", (args) => integerOf(args.length > 1 ? args[1] : args[0])],
  ["zeros", (args) => integerOf(args[0])],
  ["generateseries", seriesLength],
  ["generate_series", seriesLength],
  ["values", valuesLength],
  ["sqlstandardvalues", (args) => args.length],
]);

/**
 * Lets the few table functions through that make rows of nothing, and not too many.
 * @throws HeadraceError `sql_refused`
 */
export function checkTableFunction(node: TreeNode): void {
  const name = NAME.exec(node.text)?.[1] ?? "";
  const count = ALLOWED.get(name.toLowerCase());
  const details = { table_function: name.slice(0, 80) };
  if (count === undefined) {
    throw refused(
      `The table function ${name.slice(0, 80)} can't be used here; there are numbers, generateSeries and values`,
      details,
    );
  }
  const rows = count(listUnder(node, "ARGUMENTS"));
  if (rows === undefined)
    throw refused(`The arguments of ${name} must be written out as plain values`, details);
  if (rows > MADE_ROWS_MAX) {
    throw refused(`${name} may make ${MADE_ROWS_MAX.toLocaleString("en-US")} rows at most`, details);
  }
}

function seriesLength(args: readonly TreeNode[]): number | undefined {
  const [from, to, step = 1] = [integerOf(args[0]), integerOf(args[1]), args[2] && integerOf(args[2])];
  if (from === undefined || to === undefined || (args.length > 2 && step === undefined)) return undefined;
  return Math.abs((to - from) / (step || 1)) + 1;
}

/** The first argument may be the structure: a text that holds types. */
function valuesLength(args: readonly TreeNode[]): number | undefined {
  const structure = literalText(args[0]) ?? "";
  if (args[0]?.kind !== "CONSTANT" || /aggregatefunction/i.test(structure)) return undefined;
  return args.length;
}

/** An integer of the SQL, or of a parameter: `_CAST(10, 'UInt64')`. */
function integerOf(node: TreeNode | undefined): number | undefined {
  if (node === undefined) return undefined;
  if (node.kind === "FUNCTION" && /function_name: _CAST,/.test(node.text)) {
    return integerOf(listUnder(node, "ARGUMENTS")[0]);
  }
  if (node.kind !== "CONSTANT") return undefined;
  const value = /(?:^|, )constant_value: (?:U?Int64_(-?\d+)|'(-?\d+)'), constant_value_type: \w+$/.exec(
    node.text,
  );
  const digits = value?.[1] ?? value?.[2];
  return digits === undefined ? undefined : Number(digits);
}

function refused(message: string, details: Readonly<Record<string, unknown>> = {}): HeadraceError {
  return new HeadraceError("sql_refused", message, { details });
}
