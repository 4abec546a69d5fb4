import { CODES, refusal } from "./exceptions.ts";

/** A statement without what stands behind it. */
export interface Statement {
  /** Without comments at its ends, FORMAT, SETTINGS and a semicolon. */
  readonly text: string;
  readonly format: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

interface Token {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/**
 * What may hold anything, and then what has a meaning. What is begun and not ended goes to the text's end, so that no text takes
 * longer than its length; it is the engine's to refuse.
 */
const TOKEN =
  /(?<skip>\s+|--[^\n]*|#[! ][^\n]*|\/\*(?:.*?\*\/|.*))|'(?:[^'\\]|\\.|'')*(?:'|$)|"(?:[^"\\]|\\.|"")*(?:"|$)|`(?:[^`\\]|\\.|``)*(?:`|$)|(\$\w*\$)(?:.*?\2|.*)|[A-Za-z_]\w*|-?\d[\w.]*|./gsuy;

/** Settings behind one statement. */
const SETTINGS_MAX = 100;

/**
 * Takes the clauses off a statement's end that ask for a format or set something: they are the request's, not the query's.
 * What looks like one within the statement is left there.
 * @throws HeadraceError when there is no statement.
 */
export function readStatement(sql: string): Statement {
  const tokens = tokensOf(sql);
  while (tokens.at(-1)?.text === ";") tokens.pop();
  let format: string | undefined;
  let settings: Readonly<Record<string, string>> = {};
  // Each may stand before the other.
  for (let round = 0; round < 2; round++) {
    format ??= takeFormat(tokens);
    const set = takeSettings(tokens);
    if (set !== undefined) settings = { ...set, ...settings };
  }
  const first = tokens[0];
  const last = tokens.at(-1);
  if (first === undefined || last === undefined) throw refusal(CODES.syntaxError, "Empty query");
  return { text: sql.slice(first.from, last.to), format, settings };
}

/** The words, names and signs of a statement, without comments. */
export function wordsOf(sql: string): readonly string[] {
  return tokensOf(sql).map(({ text }) => text);
}

/** What a literal or a quoted name holds; a bare word is itself. */
export function unquoted(token: string): string {
  const quote = token[0];
  if (quote !== "'" && quote !== '"' && quote !== "`") return token;
  return token
    .slice(1, -1)
    .replaceAll(quote + quote, quote)
    .replaceAll(/\\(.)/gs, "$1");
}

function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  for (const match of sql.matchAll(TOKEN)) {
    if (match.groups?.["skip"] !== undefined) continue;
    tokens.push({ text: match[0], from: match.index, to: match.index + match[0].length });
  }
  return tokens;
}

function takeFormat(tokens: Token[]): string | undefined {
  const [before, word, name] = [tokens.at(-3), tokens.at(-2), tokens.at(-1)];
  if (word?.text.toUpperCase() !== "FORMAT" || name === undefined || !/^[A-Za-z]\w*$/.test(name.text)) {
    return undefined;
  }
  if (before === undefined || /^(?:AS|\.|,|SELECT)$/i.test(before.text)) return undefined;
  tokens.length -= 2;
  return name.text;
}

/** `SETTINGS a = 1, b = 'x'` */
function takeSettings(tokens: Token[]): Record<string, string> | undefined {
  const settings: Record<string, string> = {};
  for (let end = tokens.length, count = 0; count < SETTINGS_MAX; end -= 4, count++) {
    const [before, name, equals, value] = tokens.slice(Math.max(0, end - 4), end);
    if (value === undefined || equals?.text !== "=" || name === undefined) return undefined;
    settings[name.text] ??= unquoted(value.text);
    if (before?.text.toUpperCase() === "SETTINGS") {
      tokens.length = end - 4;
      return settings;
    }
    if (before?.text !== ",") return undefined;
  }
  return undefined;
}
