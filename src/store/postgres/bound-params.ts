import { HeadraceError } from "../../errors.ts";
import { postgresTokens, readParam } from "../../project/postgres-tokens.ts";
import type { BoundSql, BoundText } from "../../project/sql.ts";
import type { AskedSql } from "./engine-errors.ts";
import { paramType } from "./param-types.ts";

/** SQL as the server takes it: parameters are `$1`, `$2`…, each with its type where that has to be said. */
export interface ServerSql extends AskedSql {
  readonly serverText: string;
  readonly values: readonly (string | null)[];
}

/**
 * Puts `$1` in the place of each `{name:Type}` of the text. A value never becomes part of the text.
 * @throws HeadraceError `query_failed` for a text that can't be read or a parameter that isn't given, `bad_parameter` for
 * a value that PostgreSQL has no text for.
 */
export function serverSql(sql: BoundSql): ServerSql {
  const { text, params } = sql;
  const tokens = postgresTokens(text);
  if (tokens === undefined) {
    throw new HeadraceError("query_failed", "A string, a quoted name or a comment of the SQL has no end");
  }
  const values: (string | null)[] = [];
  const numbers = new Map<string, string>();
  const parts: string[] = [];
  /** Where a piece begins in the server's text and in the author's. */
  const pieces: { readonly server: number; readonly author: number }[] = [{ server: 0, author: 0 }];
  let [copied, length] = [0, 0];
  const append = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  for (const { kind, text: written, start, end } of tokens) {
    if (kind === "number" && written.startsWith("$")) {
      throw new HeadraceError("query_failed", `There is no parameter ${written}; values are bound by \${…}`);
    }
    const place = kind === "param" ? readParam(written) : undefined;
    if (place === undefined) continue;
    const { name, type } = place;
    const bound = Object.hasOwn(params, name) ? params[name] : undefined;
    if (bound === undefined) {
      throw new HeadraceError("query_failed", `The SQL has a parameter ${name} that params doesn't give`);
    }
    const key = `${name}:${type}`;
    let placed = numbers.get(key);
    if (placed === undefined) {
      values.push(valueText(bound.value));
      const cast = paramType(type, bound.value);
      placed = `$${values.length}${cast === undefined ? "" : `::${cast}`}`;
      numbers.set(key, placed);
    }
    append(text.slice(copied, start));
    append(placed);
    copied = end;
    pieces.push({ server: length, author: end });
  }
  append(text.slice(copied));
  return {
    text,
    serverText: parts.join(""),
    values,
    original(position) {
      const piece = pieces.findLast(({ server }) => server <= position);
      return piece === undefined ? position : piece.author + position - piece.server;
    },
  };
}

function valueText(value: BoundText): string | null {
  if (value === null) return null;
  return typeof value === "string" ? withoutNul(value) : arrayText(value);
}

/** Such as {"a",NULL} or {{"1"},{"2"}}. */
function arrayText(items: readonly BoundText[]): string {
  const texts = items.map((item) => {
    if (item === null) return "NULL";
    if (typeof item !== "string") return arrayText(item);
    return `"${withoutNul(item).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  });
  return `{${texts.join(",")}}`;
}

function withoutNul(text: string): string {
  if (!text.includes("\0")) return text;
  throw new HeadraceError("bad_parameter", "PostgreSQL's texts can't hold the character U+0000");
}
