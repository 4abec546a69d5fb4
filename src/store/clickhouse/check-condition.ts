import { HeadraceError, messageOf } from "../../errors.ts";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { KIB } from "../../units.ts";
import { CONDITION_FUNCTIONS } from "./condition-functions.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { cleanMessage } from "./engine-errors.ts";
import { quoteName, quoteText } from "./quote.ts";

/** The longest condition. Bytes. */
export const CONDITION_BYTES_MAX = 4 * KIB;

/** What could break a line of the query tree, or be read in two ways. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const ODD = /[\u0000-\u001f\u007f\\]/;
/** A token of SQL that the engine has written: one way of quoting, no comments. */
const TOKEN = /'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),[\]]/gs;
const NODE = /^ *([A-Z][A-Z_ ]*?) id: \d+(?:, (.*))?$/;
/** What the table itself is called in the tree: its own name may be a column's too. */
const SOURCE = "_erased";
const HEADINGS = new Set(["PROJECTION", "ARGUMENTS", "JOIN TREE"]);

/**
 * Lets a condition through that is one expression over the table's own columns, made of functions of a list and of
 * constants. Whatever isn't known is refused. The engine parses the text, which it gets as a value, and writes it anew;
 * the expression must be all of what stands in one pair of parentheses there; and the query tree, in which nothing has
 * been resolved or computed yet, must hold nothing but functions, constants and columns that are known.
 * @throws HeadraceError `condition_invalid`
 */
export async function checkCondition(
  connection: ClickHouseConnection,
  table: string,
  where: string,
): Promise<void> {
  if (where.trim() === "") throw refused("The condition is empty");
  if (Buffer.byteLength(where) > CONDITION_BYTES_MAX) {
    throw refused(`The condition is longer than ${CONDITION_BYTES_MAX / KIB} KiB`);
  }
  if (ODD.test(where.replaceAll(/[\n\t\r]/g, " "))) {
    throw refused("The condition has backslashes or control characters");
  }
  const wrapped = `SELECT toBool(\n${where}\n)`;
  const formatted = await ask(connection, `SELECT formatQuerySingleLine(${quoteText(wrapped)})`, "RowBinary");
  checkWhole(formatted);
  const tree = await ask(
    connection,
    `EXPLAIN QUERY TREE run_passes = 0 SELECT toBool(\n${where}\n) FROM ${quoteName(table)} AS ${SOURCE}`,
  );
  checkTree(tree, await columnsOf(connection, table), `alias: ${SOURCE}, identifier: ${table}`);
}

/** The parentheses of `toBool(` must close at the very end, and hold one expression. */
function checkWhole(formatted: string): void {
  const start = formatted.indexOf("SELECT toBool(");
  if (start === -1) throw refused("The condition isn't one expression");
  const rest = formatted.slice(start + "SELECT toBool".length).trimEnd();
  let depth = 0;
  for (const { 0: token, index } of rest.matchAll(TOKEN)) {
    if (token === "(" || token === "[") depth += 1;
    else if (token === ")" || token === "]") depth -= 1;
    else if (token === "," && depth === 1) throw refused("The condition isn't one expression");
    if (depth === 0 && index < rest.length - 1) throw refused("The condition isn't one expression");
  }
  if (depth !== 0) throw refused("The condition isn't one expression");
}

function checkTree(tree: string, columns: ReadonlySet<string>, source: string): void {
  let queries = 0;
  let sources = 0;
  for (const line of tree.split("\n")) {
    if (line.trim() === "" || HEADINGS.has(line.trim())) continue;
    const [, kind, text = ""] = NODE.exec(line) ?? [];
    switch (kind) {
      case "QUERY":
        queries += 1;
        if (queries > 1) throw refused("The condition can't hold a SELECT");
        break;
      case "LIST":
      case "CONSTANT":
        break;
      case "IDENTIFIER":
        if (text === source) sources += 1;
        else checkName(nameOf(text), columns);
        break;
      case "FUNCTION":
        checkFunction(text);
        break;
      case undefined:
      default:
        throw refused(`The condition can't hold ${(kind ?? line.trim()).slice(0, 80).toLowerCase()}`);
    }
  }
  // The table itself stands there once, and not as a set of an IN.
  if (queries !== 1 || sources !== 1) throw refused("The condition isn't one expression");
}

function nameOf(text: string): string {
  return /(?:^|, )identifier: (.*)$/.exec(text)?.[1] ?? "";
}

function checkName(name: string, columns: ReadonlySet<string>): void {
  const column = name.split(".")[0] ?? "";
  if (columns.has(name) || columns.has(column)) return;
  throw refused(`There is no column ${name.slice(0, 80)}`, { column: name.slice(0, 80) });
}

function checkFunction(text: string): void {
  const name = /(?:^|, )function_name: (.*), function_type: ordinary$/.exec(text)?.[1];
  if (name !== undefined && CONDITION_FUNCTIONS.has(name.toLowerCase())) return;
  const shown = name ?? /function_name: (\w+)/.exec(text)?.[1] ?? "that";
  throw refused(`The function ${shown.slice(0, 80)} can't be used in a condition`, {
    function: shown.slice(0, 80),
  });
}

async function columnsOf(connection: ClickHouseConnection, table: string): Promise<ReadonlySet<string>> {
  const names = await ask(
    connection,
    `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ${quoteText(table)}`,
  );
  const all = names.split("\n");
  return new Set(all.filter((name) => !name.startsWith("_") || name === SYSTEM_COLUMNS.acceptedAt));
}

async function ask(
  connection: ClickHouseConnection,
  sql: string,
  format: "TabSeparated" | "RowBinary" = "TabSeparated",
): Promise<string> {
  try {
    const bytes = await connection.run(sql, format);
    if (format === "TabSeparated") return bytes.toString().trimEnd();
    // A string as RowBinary has it: its length in groups of 7 bits, then its bytes.
    return bytes.subarray(bytes.findIndex((byte) => byte < 0x80) + 1).toString();
  } catch (error) {
    throw new HeadraceError("condition_invalid", cleanMessage(messageOf(error)), { cause: error });
  }
}

function refused(message: string, details: Readonly<Record<string, unknown>> = {}): HeadraceError {
  return new HeadraceError("condition_invalid", message, { details });
}
