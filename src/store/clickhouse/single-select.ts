import { HeadraceError } from "../../errors.ts";

/** What may hold a semicolon that ends nothing: comments, strings, quoted names, and $tag$ here-documents $tag$. */
const OPAQUE =
  /--[^\n]*|#[! ][^\n]*|\/\*.*?\*\/|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|(\$\w*\$).*?\1|;/gsu;

/** What a SELECT begins with. The engine's read-only mode lets other statements through, such as KILL QUERY. */
const SELECT = /^(?:SELECT|WITH|FROM)\b|^\(/i;

/**
 * The text without the semicolon at its end. Throws `query_failed` unless it is one SELECT: the engine would run all
 * statements of a text, one after the other.
 */
export function singleSelect(text: string): string {
  if (!SELECT.test(withoutComments(text))) {
    throw new HeadraceError("query_failed", "The SQL isn't a SELECT: a query begins with SELECT or WITH");
  }
  for (const match of text.matchAll(OPAQUE)) {
    if (match[0] !== ";") continue;
    const rest = text.slice(match.index + 1);
    if (withoutComments(rest).replaceAll(";", "").trim() === "") return text.slice(0, match.index);
    throw new HeadraceError("query_failed", "The SQL holds several statements; a query is one SELECT");
  }
  return text;
}

function withoutComments(text: string): string {
  return text.replaceAll(OPAQUE, (part) => (/^(?:--|#|\/\*)/.test(part) ? " " : part)).trim();
}
