/** A token of PostgreSQL's SQL with its place in the text. */
export interface PostgresToken {
  readonly kind:
    /** A bare name or a keyword. */
    | "word"
    /** A name in double quotes. */
    | "quoted"
    | "string"
    | "number"
    /** `{name:Type}`, the place of a bound value. */
    | "param"
    | "symbol";
  /** As it stands there; of a quoted name or a string what stands between the quotes. */
  readonly text: string;
  readonly start: number;
  /** Excluded. */
  readonly end: number;
}

const SPACE = /\s+|--[^\n]*/y;
const STRING = /(?:[bBxXnN]|[uU]&)?'([^']*(?:''[^']*)*)'/y;
/** With backslashes in it. */
const ESCAPE_STRING = /[eE]'([^'\\]*(?:(?:\\[^]|'')[^'\\]*)*)'/y;
const DOLLAR_STRING = /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$([^]*?)\$\1\$/y;
const QUOTED = /(?:[uU]&)?"([^"]*(?:""[^"]*)*)"/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\$\d+/y;
const PARAM = /\{\s*([A-Za-z_]\w*)\s*:\s*([^{}]+?)\s*\}/y;
const SYMBOL = /::|<=|>=|<>|!=|[(),;[\].:]|[-+*/<>=~!@#%^&|`?]|[{}\\$]/y;

/**
 * Splits SQL as PostgreSQL does with standard_conforming_strings, without spaces and comments. Undefined when a string, a
 * name or a comment has no end.
 */
export function postgresTokens(sql: string): readonly PostgresToken[] | undefined {
  const tokens: PostgresToken[] = [];
  let at = 0;
  while (at < sql.length) {
    if (sql.startsWith("/*", at)) {
      const end = endOfComment(sql, at);
      if (end === undefined) return undefined;
      at = end;
      continue;
    }
    const space = match(SPACE, sql, at);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const token = tokenAt(sql, at);
    if (token === undefined) return undefined;
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

/** Name and type of a `{name:Type}`. */
export function readParam(text: string): { readonly name: string; readonly type: string } | undefined {
  const [, name, type] = match(PARAM, text, 0) ?? [];
  return name === undefined || type === undefined ? undefined : { name, type };
}

function tokenAt(sql: string, at: number): PostgresToken | undefined {
  const token = (kind: PostgresToken["kind"], found: RegExpExecArray, text: string): PostgresToken => ({
    kind,
    text,
    start: at,
    end: at + found[0].length,
  });
  const escaped = match(ESCAPE_STRING, sql, at) ?? match(STRING, sql, at);
  if (escaped !== null) return token("string", escaped, escaped[1] ?? "");
  const dollar = match(DOLLAR_STRING, sql, at);
  if (dollar !== null) return token("string", dollar, dollar[2] ?? "");
  const quoted = match(QUOTED, sql, at);
  if (quoted !== null) return token("quoted", quoted, (quoted[1] ?? "").replaceAll('""', '"'));
  const word = match(WORD, sql, at);
  if (word !== null) return token("word", word, word[0]);
  const number = match(NUMBER, sql, at);
  if (number !== null) return token("number", number, number[0]);
  const param = match(PARAM, sql, at);
  if (param !== null) return token("param", param, param[0]);
  const symbol = match(SYMBOL, sql, at);
  return symbol === null ? undefined : token("symbol", symbol, symbol[0]);
}

/** Comments nest. */
function endOfComment(sql: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    if (sql.startsWith("/*", at)) {
      depth++;
      at++;
    } else if (sql.startsWith("*/", at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
