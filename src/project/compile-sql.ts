import { clickhouseDialect } from "./clickhouse-dialect.ts";
import { postgresDialect } from "./postgres-dialect.ts";
import type { BoundSql, BoundValue, Sql } from "./sql.ts";

/** What of an `sql` template differs between databases. */
export interface SqlDialect {
  /** A quoted name. */
  identifier(name: string): string;
  /** The place of a parameter in the text. */
  placeholder(name: string, type: string): string;
}

/** The text and parameters of an `sql` template, in the store's dialect. Parameters are named p1, p2… in order. */
export function compileSql(query: Sql, dialect: "clickhouse" | "postgres"): BoundSql {
  const words = DIALECTS[dialect];
  const params: Record<string, BoundValue> = {};
  let count = 0;
  const text = query.parts.map((part) => {
    if (part.kind === "text") return part.text;
    if (part.kind !== "value") return words.identifier(part.name);
    const name = `p${++count}`;
    params[name] = part.bound;
    return words.placeholder(name, part.bound.type);
  });
  return { text: text.join(""), params };
}

const DIALECTS = { clickhouse: clickhouseDialect, postgres: postgresDialect };
