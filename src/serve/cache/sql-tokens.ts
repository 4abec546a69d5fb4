/** A token of SQL, as far as the cache needs to understand it. */
export type SqlToken =
  /** A bare identifier or a keyword. */
  | { readonly kind: "word"; readonly text: string }
  /** An identifier in double quotes or backticks. */
  | { readonly kind: "quoted"; readonly text: string }
  /** What stands between the quotes, when it matters. */
  | { readonly kind: "string"; readonly text?: string }
  | { readonly kind: "number" }
  /** A bound parameter: `{p1:String}`. */
  | { readonly kind: "param"; readonly name: string; readonly type: string }
  | { readonly kind: "symbol"; readonly text: string };

const SPACE = /[ \t\r\n]+/y;
const LINE_COMMENT = /--[^\n]*/y;
const BLOCK_COMMENT = /\/\*(?:(?!\*\/|\/\*)[^])*\*\//y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /[0-9][A-Za-z0-9_]*(?:\.[0-9][A-Za-z0-9_]*)?/y;
const STRING = /'(?:[^'\\]|\\[^]|'')*'/y;
const QUOTED = /"([^"\\]+)"(?!")|`([^`\\]+)`(?!`)/y;
const PARAM = /\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*([^{}]+?)\s*\}/y;
const SYMBOL = /->|::|<=>|<=|>=|<>|!=|==|\|\||[()[\],.+\-*/%=<>?:]/y;

/**
 * Splits ClickHouse's SQL into tokens, without comments. Undefined when there is anything that it isn't sure to read as the engine
 * does: nested comments, escapes in identifiers, heredocs, typographic quotes, a second statement.
 */
export function sqlTokens(sql: string): readonly SqlToken[] | undefined {
  const tokens: SqlToken[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(sql);
    if (match) at = pattern.lastIndex;
    return match;
  };
  while (at < sql.length) {
    if (take(SPACE) || take(LINE_COMMENT) || take(BLOCK_COMMENT)) continue;
    const token = nextToken(take);
    if (token === undefined) return undefined;
    tokens.push(token);
  }
  return tokens;
}

function nextToken(take: (pattern: RegExp) => RegExpExecArray | null): SqlToken | undefined {
  const word = take(WORD);
  if (word) return { kind: "word", text: word[0] };
  const quoted = take(QUOTED);
  if (quoted) return { kind: "quoted", text: quoted[1] ?? quoted[2] ?? "" };
  if (take(STRING)) return { kind: "string" };
  if (take(NUMBER)) return { kind: "number" };
  const param = take(PARAM);
  if (param) return { kind: "param", name: param[1] ?? "", type: param[2] ?? "" };
  // A comment that didn't match above must not be read as a division.
  if (take(/\/\*/y)) return undefined;
  const symbol = take(SYMBOL);
  return symbol ? { kind: "symbol", text: symbol[0] } : undefined;
}
