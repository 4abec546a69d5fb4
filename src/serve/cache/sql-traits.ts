import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { PureFunctions } from "./pure-functions.ts";
import type { SqlToken } from "./sql-tokens.ts";
import { VOCABULARIES, type Vocabulary } from "./vocabulary.ts";

/** What can be told from an SQL text alone, for every value of its parameters. */
export interface SqlTraits {
  /** The same rows give the same answer: no clock, no chance, nothing but declared streams. When in doubt: false. */
  readonly deterministic: boolean;
  /** What stands in the way, for people. */
  readonly reason?: string;
  /** The declared streams that it may read: all of them when in doubt. */
  readonly streams: readonly string[];
}

const COLUMNS_OF_OURS: ReadonlySet<string> = new Set(Object.values(SYSTEM_COLUMNS));

/** Reads the traits off an SQL text. Whatever isn't understood counts against it. */
export function sqlTraits(
  sql: string,
  streams: readonly string[],
  pure: PureFunctions,
  dialect: "clickhouse" | "postgres" = "clickhouse",
): SqlTraits {
  const vocabulary = VOCABULARIES[dialect];
  const tokens = vocabulary.tokens(sql);
  if (tokens === undefined) {
    return { deterministic: false, reason: "its text can't be followed", streams };
  }
  const names = new Set(tokens.map((token) => (isName(token) ? token.text : "")));
  const reason = impurity(tokens, streams, pure, vocabulary);
  return {
    deterministic: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    streams: reason === undefined ? streams.filter((stream) => names.has(stream)) : streams,
  };
}

function impurity(
  tokens: readonly SqlToken[],
  streams: readonly string[],
  pure: PureFunctions,
  vocabulary: Vocabulary,
): string | undefined {
  for (const [index, token] of tokens.entries()) {
    if (token.kind === "param" && /identifier/i.test(token.type))
      return "a parameter names a table or column";
    if (token.kind === "string" && vocabulary.clockText?.test(token.text ?? "") === true) {
      return `'${token.text}' reads the clock`;
    }
    if (!isName(token)) continue;
    const name = token.text.toLowerCase();
    const called = isSymbol(tokens[index + 1], "(");
    if (called) {
      const known =
        pure.has(name) ||
        vocabulary.types.test(name) ||
        (token.kind === "word" && vocabulary.keywords.has(name)) ||
        vocabulary.pure.has(name);
      if (!known) return `${token.text}() may give something else each time`;
    } else if (vocabulary.clocks.has(name) && !isSymbol(tokens[index - 1], ".")) {
      return `${token.text} reads the clock`;
    }
    if (token.kind === "word" && vocabulary.opaque.has(name)) return `${token.text} can't be followed`;
    if (name.startsWith("_") && !COLUMNS_OF_OURS.has(token.text)) {
      return `${token.text} isn't a column of an event`;
    }
  }
  return foreignTable(tokens, streams);
}

/** One level of parentheses: only a query has a FROM; in `extract(year FROM date)` it means something else. */
interface Scope {
  readonly isQuery: boolean;
  /** Between FROM and the next clause, where a comma brings another table. */
  inFrom: boolean;
}

/** Clauses that end the list of tables. */
const AFTER_FROM = new Set(
  "where prewhere group order limit having array window qualify union except intersect offset select with".split(
    " ",
  ),
);

/** The first table that is neither a declared stream, nor a name from WITH, nor a subquery. */
function foreignTable(tokens: readonly SqlToken[], streams: readonly string[]): string | undefined {
  const known = new Set([...streams, ...namesFromWith(tokens)]);
  const scopes: Scope[] = [{ isQuery: true, inFrom: false }];
  for (const [index, token] of tokens.entries()) {
    const scope = scopes.at(-1);
    if (scope === undefined) return "its parentheses don't match";
    if (isSymbol(token, "(")) scopes.push({ isQuery: startsQuery(tokens[index + 1]), inFrom: false });
    else if (isSymbol(token, ")")) scopes.pop();
    const word = token.kind === "word" ? token.text.toLowerCase() : "";
    const table = tokens[index + 1];
    // `x IN flights` reads a table too; a column there is taken for one.
    if (word === "in" && table !== undefined && isName(table) && !known.has(table.text)) {
      return `${table.text} isn't a stream`;
    }
    if (!scope.isQuery) continue;
    const isArrayJoin = word === "join" && wordAt(tokens, index - 1) === "array";
    // As in `a IS DISTINCT FROM b`.
    if (word === "from" && wordAt(tokens, index - 1) === "distinct") continue;
    if (AFTER_FROM.has(word)) scope.inFrom = false;
    if (word === "from" || (word === "join" && !isArrayJoin)) scope.inFrom = true;
    else if (!(scope.inFrom && isSymbol(token, ","))) continue;
    if (isSymbol(table, "(")) continue;
    if (table === undefined || !isName(table)) return "a table can't be followed";
    if (isSymbol(tokens[index + 2], "(")) continue;
    if (!known.has(table.text) || isSymbol(tokens[index + 2], ".")) return `${table.text} isn't a stream`;
  }
  return undefined;
}

/** `WITH name AS (SELECT …)`. */
function namesFromWith(tokens: readonly SqlToken[]): string[] {
  return tokens.flatMap((token, index) =>
    isName(token) && wordAt(tokens, index + 1) === "as" && startsQuery(tokens[index + 3]) ? [token.text] : [],
  );
}

function startsQuery(token: SqlToken | undefined): boolean {
  return isSymbol(token, "(") || (token?.kind === "word" && /^(?:select|with|from)$/i.test(token.text));
}

function isName(token: SqlToken): token is Extract<SqlToken, { text: string }> {
  return token.kind === "word" || token.kind === "quoted";
}

function isSymbol(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === "symbol" && token.text === text;
}

function wordAt(tokens: readonly SqlToken[], index: number): string {
  const token = tokens[index];
  return token?.kind === "word" ? token.text.toLowerCase() : "";
}
