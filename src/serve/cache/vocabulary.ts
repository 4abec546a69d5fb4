import { postgresTokens, readParam } from "../../project/postgres-tokens.ts";
import { sqlTokens, type SqlToken } from "./sql-tokens.ts";

/** What the cache has to know of a dialect's words. All in small letters. */
export interface Vocabulary {
  /** Undefined when the text can't be read surely. */
  tokens(sql: string): readonly SqlToken[] | undefined;
  /** Names that are called without parentheses, and that read the clock or who asks. */
  readonly clocks: ReadonlySet<string>;
  /** Words that change how a query runs, or call functions by name: too much to follow. */
  readonly opaque: ReadonlySet<string>;
  /** Keywords that may stand before a parenthesis without calling anything. */
  readonly keywords: ReadonlySet<string>;
  /** Types that take arguments. */
  readonly types: RegExp;
  /** Functions that are pure though the engine's own list doesn't say so. */
  readonly pure: ReadonlySet<string>;
  /** Texts that the engine may read as a time that passes. */
  readonly clockText?: RegExp;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

const CLICKHOUSE: Vocabulary = {
  tokens: sqlTokens,
  clocks: words("now today curdate current_date current_timestamp localtime localtimestamp"),
  opaque: words("settings apply outfile describe explain show"),
  keywords: words(
    "in and or not as by on using over where having prewhere qualify select distinct from join union all except " +
      "intersect limit offset when then else case between like ilike is with exists any asof interval sets rollup cube",
  ),
  types:
    /^(?:decimal(?:32|64|128|256)?|datetime(?:64)?|time64|fixedstring|nullable|lowcardinality|array|map|tuple|enum(?:8|16)?|variant)$/,
  // Table functions that read nothing but their arguments.
  pure: words("numbers zeros values generate_series generateseries"),
};

const POSTGRES: Vocabulary = {
  tokens: postgresSqlTokens,
  clocks: words(
    "current_date current_time current_timestamp localtime localtimestamp " +
      "current_user session_user current_role user current_catalog current_schema",
  ),
  opaque: words("tablesample explain execute"),
  keywords: words(
    "in and or not as by on using over where having select distinct from join union all except intersect limit offset fetch " +
      "when then else case between like ilike similar is with exists any some interval sets rollup cube filter within group " +
      "array row values materialized recursive order partition window escape",
  ),
  types: /^(?:numeric|decimal|varchar|char|character|varying|timestamp|timestamptz|time|timetz|bit|float)$/,
  // Made by the parser, so in no list of functions.
  pure: words("coalesce nullif greatest least cast trim position grouping extract overlay substring"),
  clockText: /\b(?:now|today|tomorrow|yesterday)\b/i,
};

export const VOCABULARIES = { clickhouse: CLICKHOUSE, postgres: POSTGRES };

/** LATERAL says nothing about what is read: it is left out. */
function postgresSqlTokens(sql: string): readonly SqlToken[] | undefined {
  const tokens = postgresTokens(sql);
  if (tokens === undefined || tokens.some(({ text, kind }) => kind === "symbol" && text === ";")) {
    return undefined;
  }
  return tokens
    .filter(({ kind, text }) => kind !== "word" || text.toLowerCase() !== "lateral")
    .map(({ kind, text }): SqlToken => {
      if (kind !== "param") return kind === "number" ? { kind } : { kind, text };
      return { kind, name: "", type: "", ...readParam(text) };
    });
}
