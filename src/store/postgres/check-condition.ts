import { HeadraceError, messageOf } from "../../errors.ts";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { postgresTokens, type PostgresToken } from "../../project/postgres-tokens.ts";
import { KIB } from "../../units.ts";
import { CONDITION_FUNCTIONS, CONDITION_KEYWORDS, CONDITION_TYPES } from "./condition-words.ts";
import { isAway } from "./engine-errors.ts";
import type { PostgresPool } from "./pool.ts";
import { Describe } from "./protocol.ts";
import { quoteName } from "./quote.ts";
import { readTables } from "./read-tables.ts";

/** The longest condition. Bytes. */
export const CONDITION_BYTES_MAX = 4 * KIB;

/** Texts that PostgreSQL reads as a time that passes. */
const CLOCK_TEXT = /\b(?:now|today|tomorrow|yesterday)\b/i;

/**
 * Lets a condition through that is one expression over the table's own columns, made of words of a list and of constants;
 * whatever isn't known is refused. Then PostgreSQL is asked whether it is a boolean, which runs nothing.
 * @throws HeadraceError `condition_invalid`
 */
export async function checkCondition(pool: PostgresPool, table: string, where: string): Promise<void> {
  if (where.trim() === "") throw refused("The condition is empty");
  if (Buffer.byteLength(where) > CONDITION_BYTES_MAX) {
    throw refused(`The condition is longer than ${CONDITION_BYTES_MAX / KIB} KiB`);
  }
  if (/--|\/\*|\\|\0/.test(where)) throw refused("The condition has comments or backslashes");
  const tokens = postgresTokens(where);
  if (tokens === undefined) throw refused("The condition isn't one expression");
  checkWhole(tokens);
  const shape = (await pool.with(readTables)).get(table);
  const columns = [...(shape?.columns.keys() ?? [])].filter(
    (name) => !name.startsWith("_") || name === SYSTEM_COLUMNS.acceptedAt,
  );
  checkWords(tokens, new Set(columns));
  await checkType(pool, table, where);
}

/** Parentheses close where they opened, and nothing ends or begins a statement. */
function checkWhole(tokens: readonly PostgresToken[]): void {
  let depth = 0;
  for (const { kind, text } of tokens) {
    if (kind === "param") throw refused("The condition can't have parameters");
    if (kind !== "symbol") continue;
    if (text === "(" || text === "[") depth++;
    if (text === ")" || text === "]") depth--;
    if (depth < 0 || text === ";" || (text === "," && depth === 0)) {
      throw refused("The condition isn't one expression");
    }
  }
  if (depth !== 0) throw refused("The condition isn't one expression");
}

function checkWords(tokens: readonly PostgresToken[], columns: ReadonlySet<string>): void {
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind === "string" && CLOCK_TEXT.test(text))
      throw refused(`'${text.slice(0, 80)}' is another time each day`);
    if (kind === "number" && text.startsWith("$")) throw refused("The condition can't have parameters");
    if (kind === "quoted") {
      if (!columns.has(text)) throw unknownColumn(text);
      continue;
    }
    if (kind !== "word") continue;
    const word = text.toLowerCase();
    const [before, after] = [tokens[index - 1], tokens[index + 1]];
    const isCast = before?.kind === "symbol" && before.text === "::";
    if (isCast || (word === "precision" && before?.text.toLowerCase() === "double")) {
      if (CONDITION_TYPES.has(word)) continue;
      throw refused(`The type ${text.slice(0, 80)} can't be used in a condition`);
    }
    const isCalled = after?.kind === "symbol" && after.text === "(";
    if (isCalled && !CONDITION_FUNCTIONS.has(word) && !CONDITION_KEYWORDS.has(word)) {
      throw refused(`The function ${text.slice(0, 80)} can't be used in a condition`, {
        function: text.slice(0, 80),
      });
    }
    // Names without quotes are read in small letters.
    if (isCalled || CONDITION_KEYWORDS.has(word) || columns.has(word)) continue;
    if (CONDITION_FUNCTIONS.has(word) && word === "array") continue;
    throw unknownColumn(text);
  }
}

async function checkType(pool: PostgresPool, table: string, where: string): Promise<void> {
  const describe = new Describe(`SELECT FROM ${quoteName(table)} WHERE (\n${where}\n)`);
  try {
    await pool.with(async (connection) => {
      connection.query(describe);
      await describe.done;
    });
  } catch (error) {
    if (isAway(error)) throw error;
    throw new HeadraceError("condition_invalid", messageOf(error), { cause: error });
  }
}

function unknownColumn(name: string): HeadraceError {
  return refused(`There is no column ${name.slice(0, 80)}`, { column: name.slice(0, 80) });
}

function refused(message: string, details: Readonly<Record<string, unknown>> = {}): HeadraceError {
  return new HeadraceError("condition_invalid", message, { details });
}
