import { HeadraceError } from "../../../errors.ts";

/** A token of SQL that the engine has written: one way of quoting, no comments. */
export interface Token {
  readonly kind: "word" | "name" | "string" | "other";
  readonly text: string;
  /** Where it begins. */
  readonly at: number;
}

const TOKEN =
  /(?<space>\s+)|(?<string>'(?:[^'\\]|\\.)*')|(?<name>`(?:[^`\\]|\\.)*`)|(?<word>[A-Za-z_]\w*)|(?<other>\d[\w.]*|[-+*/%=<>!|(),[\]{}.:?@^~$;&])/suy;

/** A control character, as it is or as the engine writes it in quotes. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]|\\[^\\'`]/;

/**
 * Checks what the words of a statement tell that the engine has written: that it is one SELECT without clauses that
 * write or set anything, and that no name or pattern could break a line of the query tree.
 * @throws HeadraceError `sql_refused`
 */
export function checkStatement(text: string): void {
  const tokens = tokensOf(text);
  const first = tokens.find((token) => token.text !== "(")?.text ?? "";
  if (first !== "SELECT" && first !== "WITH") throw notSelect(first);
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1]?.text ?? "";
    const after = tokens[index + 1]?.text ?? "";
    const rest = tokens.length - index;
    if (token.kind === "name" && CONTROL.test(token.text)) {
      throw refused(`The name ${token.text.slice(0, 80)} has control characters`);
    }
    if (token.kind === "string" && CONTROL.test(token.text) && isPrinted(tokens, index)) {
      throw refused("A pattern of column names, or a collation, has control characters or escapes");
    }
    if (token.text === "system" || token.text === "`system`") {
      if (after === "." && before !== ".")
        throw refused("The database system can't be read; DESCRIBE and SHOW TABLES can");
    }
    if (token.kind !== "word") continue;
    // As a parameter's type: its value would be read as a state already when the tree is asked for.
    if (/aggregatefunction/i.test(token.text)) throw refused(`${token.text} can't be used here`);
    if (token.text === "INTO" && after === "OUTFILE") throw clause("INTO OUTFILE");
    if (token.text === "SETTINGS" && tokens[index + 2]?.text === "=") throw clause("SETTINGS");
    if (token.text === "PARALLEL" && after === "WITH") throw clause("PARALLEL WITH");
    if (token.text === "FORMAT" && before !== "AS" && rest === 2) {
      throw refused("FORMAT can't stand in the SQL; ask for a format with Accept or ?format=");
    }
  }
}

/** @throws HeadraceError `sql_refused` */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) throw refused(`The SQL can't be followed from "${text.slice(at, at + 30)}"`);
    for (const kind of ["string", "name", "word", "other"] as const) {
      if (groups[kind] !== undefined) tokens.push({ kind, text: groups[kind], at });
    }
  }
  return tokens;
}

/** Whether the query tree shows the string without quotes. */
function isPrinted(tokens: readonly Token[], index: number): boolean {
  const [last, beforeLast] = [tokens[index - 1]?.text ?? "", tokens[index - 2]?.text ?? ""];
  const word = last === "(" ? beforeLast : last;
  return ["COLUMNS", "EXCEPT", "STRICT", "COLLATE"].includes(word.toUpperCase());
}

function clause(name: string): HeadraceError {
  return refused(`${name} can't stand in the SQL`, { clause: name });
}

function notSelect(first: string): HeadraceError {
  const shown = /^[A-Z]+$/.test(first) ? first : "This";
  return refused(`${shown} can't be run here: the SQL must be one SELECT, DESCRIBE <stream> or SHOW TABLES`, {
    statement: first.slice(0, 30),
  });
}

function refused(message: string, details: Readonly<Record<string, unknown>> = {}): HeadraceError {
  return new HeadraceError("sql_refused", message, { details });
}
