import { HeadraceError } from "../../errors.ts";

/** What may hold a semicolon that ends nothing: comments, strings, quoted names, and $tag$ here-documents $tag$. */
const OPAQUE =
  /--[^\n]*|#[! ][^\n]*|\/\*.*?\*\/|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|(\$\w*\$).*?\1|;/gsu;

/**
 * The text without a semicolon at its end. Throws `query_failed` when there are several statements: the engine would
 * run them all, and only the first would be the one that was meant.
 */
export function singleStatement(text: string): string {
  for (const match of text.matchAll(OPAQUE)) {
    if (match[0] !== ";") continue;
    const rest = text.slice(match.index + 1);
    if (rest.replaceAll(OPAQUE, (part) => (isComment(part) || part === ";" ? "" : part)).trim() === "") {
      return text.slice(0, match.index);
    }
    throw new HeadraceError("query_failed", "The SQL holds several statements; a query is one SELECT");
  }
  return text;
}

function isComment(part: string): boolean {
  return part.startsWith("--") || part.startsWith("#") || part.startsWith("/*");
}
