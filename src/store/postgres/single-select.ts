import { HeadraceError } from "../../errors.ts";
import { postgresTokens } from "../../project/postgres-tokens.ts";

/** What a query begins with. A transaction that can't write keeps the others from doing harm, but for COPY … TO. */
const FIRST = new Set(["select", "with", "values", "table"]);

/**
 * The text without the semicolon at its end. The server runs one statement of a text with parameters and no more.
 * @throws HeadraceError `query_failed` unless it is a query.
 */
export function singleSelect(text: string): string {
  const tokens = postgresTokens(text);
  if (tokens === undefined) {
    throw new HeadraceError("query_failed", "A string, a quoted name or a comment of the SQL has no end");
  }
  const first = tokens.find((token) => token.text !== "(");
  if (first?.kind !== "word" || !FIRST.has(first.text.toLowerCase())) {
    throw new HeadraceError(
      "query_failed",
      "The SQL isn't a SELECT: a query begins with SELECT, WITH or VALUES",
    );
  }
  const end = tokens.findIndex(({ kind, text: symbol }) => kind === "symbol" && symbol === ";");
  if (end === -1) return text;
  if (tokens.slice(end).some((token) => token.text !== ";")) {
    throw new HeadraceError("query_failed", "The SQL holds several statements; a query is one SELECT");
  }
  return text.slice(0, tokens[end]?.start);
}
