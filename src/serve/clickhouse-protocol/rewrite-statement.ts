import type { BoundSql } from "../../project/sql.ts";
import { CODES, refusal } from "./exceptions.ts";
import { unquoted, wordsOf } from "./statement.ts";

/** What a statement that isn't a SELECT comes to. */
export type Rewritten =
  /** A SELECT that gives what it asks for. */
  | { readonly kind: "select"; readonly sql: BoundSql }
  /** Nothing to answer. */
  | { readonly kind: "done" }
  /** Settings for nothing but this request. */
  | { readonly kind: "set"; readonly settings: Readonly<Record<string, string>> }
  | { readonly kind: "kill"; readonly queryId: string };

/** What there is to name. */
export interface Names {
  /** Names by which the database goes; the first is its own. */
  readonly databases: readonly string[];
  readonly tables: readonly string[];
}

/**
 * `SHOW`, `DESCRIBE`, `EXISTS`, `USE`, `SET` and `KILL QUERY` as SELECTs over the views or as what is to be done; undefined for
 * a SELECT, and for what the fence will refuse.
 * @throws HeadraceError for a table or database that there isn't, and for forms that aren't known.
 */
export function rewriteStatement(text: string, names: Names): Rewritten | undefined {
  const [first = "", second = ""] = wordsOf(text.slice(0, HEAD)).map((word) => word.toUpperCase());
  const rewrite = REWRITES[first];
  if (rewrite === undefined) return undefined;
  return rewrite(new Words(wordsOf(text), names), second);
}

/** Enough of a text to see how it begins. Characters. */
const HEAD = 2048;

const REWRITES: Readonly<Record<string, (words: Words, second: string) => Rewritten>> = {
  SHOW: show,
  DESC: describe,
  DESCRIBE: describe,
  EXISTS: exists,
  USE: (words) => {
    words.take("USE");
    words.take("DATABASE");
    words.database();
    words.end();
    return { kind: "done" };
  },
  SET: (words) => {
    words.take("SET");
    return { kind: "set", settings: words.assignments() };
  },
  KILL: kill,
};

function show(words: Words): Rewritten {
  words.take("SHOW");
  words.take("FULL");
  words.take("TEMPORARY");
  words.take("EXTENDED");
  if (words.take("DATABASES")) return listed(words, "SELECT name FROM system.databases", "name");
  if (words.take("TABLES")) {
    if (words.take("FROM", "IN")) words.database();
    return listed(words, "SELECT name FROM system.tables", "name");
  }
  if (words.take("COLUMNS", "FIELDS")) {
    words.must("FROM", "IN");
    return describeTable(words, words.table());
  }
  if (words.take("FUNCTIONS")) return listed(words, "SELECT * FROM system.functions", "name");
  if (words.take("SETTINGS")) return listed(words, "SELECT name, type, value FROM system.settings", "name");
  if (words.take("PROCESSLIST")) return listed(words, "SELECT * FROM system.processes", "query_id");
  if (words.take("DICTIONARIES")) return listed(words, "SELECT name FROM system.dictionaries", "name");
  words.must("CREATE");
  if (words.take("DATABASE")) {
    words.database();
    return select(
      "SELECT concat('CREATE DATABASE ', name) AS statement FROM system.databases",
      words.ended(),
    );
  }
  words.take("TABLE");
  const table = words.table();
  return select("SELECT create_table_query AS statement FROM system.tables WHERE name = {name:String}", {
    ...words.ended(),
    name: table,
  });
}

function describe(words: Words): Rewritten {
  words.take("DESCRIBE", "DESC");
  words.take("TABLE");
  if (words.next === "(") {
    throw refusal(
      CODES.notImplemented,
      "DESCRIBE of a subquery isn't supported; run it with LIMIT 0 and look at its columns",
    );
  }
  return describeTable(words, words.table());
}

/** The answer of ClickHouse's own DESCRIBE, which has these columns and no others. */
function describeTable(words: Words, table: string): Rewritten {
  const columns =
    "name, type, '' AS default_type, default_expression, comment, compression_codec AS codec_expression, '' AS ttl_expression";
  return select(`SELECT ${columns} FROM system.columns WHERE table = {name:String} ORDER BY position`, {
    ...words.ended(),
    name: table,
  });
}

function exists(words: Words): Rewritten {
  words.take("EXISTS");
  words.take("TEMPORARY");
  const isDatabase = words.take("DATABASE");
  const isOther = words.take("DICTIONARY", "VIEW");
  words.take("TABLE");
  const found = isDatabase ? words.isDatabase() : words.isTable();
  words.end();
  return select(`SELECT toUInt8(${found && !isOther ? 1 : 0}) AS result`, {});
}

function kill(words: Words): Rewritten {
  words.take("KILL");
  words.must("QUERY");
  words.must("WHERE");
  words.must("QUERY_ID");
  words.must("=");
  const queryId = unquoted(words.one());
  words.take("SYNC", "ASYNC");
  words.end();
  return { kind: "kill", queryId };
}

/** A list, with what may stand behind one: `LIKE 'a%'`, `NOT LIKE`, `ILIKE`, `LIMIT 5`. */
function listed(words: Words, text: string, column: string): Rewritten {
  const params: Record<string, string> = {};
  let where = "";
  const not = words.take("NOT") ? "NOT " : "";
  const like = words.take("LIKE") ? "LIKE" : words.take("ILIKE") ? "ILIKE" : undefined;
  if (like !== undefined) {
    params["pattern"] = unquoted(words.one());
    where = ` WHERE ${column} ${not}${like} {pattern:String}`;
  } else if (not !== "") throw words.unexpected();
  const limit = words.take("LIMIT") ? words.one() : undefined;
  if (limit !== undefined && !/^\d{1,9}$/.test(limit)) throw words.unexpected();
  words.end();
  return select(`${text}${where} ORDER BY ${column}${limit === undefined ? "" : ` LIMIT ${limit}`}`, params);
}

function select(text: string, params: Readonly<Record<string, string>>): Rewritten {
  const bound = Object.entries(params).map(([name, value]) => [name, { type: "String", value }] as const);
  return { kind: "select", sql: { text, params: Object.fromEntries(bound) } };
}

/** The words of a statement, taken one after the other. */
class Words {
  readonly #words: readonly string[];
  readonly #names: Names;
  #at = 0;

  constructor(words: readonly string[], names: Names) {
    this.#words = words;
    this.#names = names;
  }

  get next(): string {
    return this.#words[this.#at] ?? "";
  }

  /** Takes the next word when it is one of these. */
  take(...words: readonly string[]): boolean {
    const found = words.includes(this.next.toUpperCase());
    if (found) this.#at++;
    return found;
  }

  must(...words: readonly string[]): void {
    if (!this.take(...words)) throw this.unexpected();
  }

  one(): string {
    if (this.next === "") throw this.unexpected();
    return this.#words[this.#at++] ?? "";
  }

  /** Takes the name of a database that there is. */
  database(): void {
    const name = unquoted(this.one());
    if (this.#names.databases.includes(name)) return;
    throw refusal(CODES.unknownDatabase, `Database ${name.slice(0, 80)} does not exist`);
  }

  /** A table that there is, by its name alone. */
  table(): string {
    const [name, found] = this.#tableName();
    if (found) return name;
    throw refusal(CODES.unknownTable, `Table ${name.slice(0, 80)} does not exist`);
  }

  isTable(): boolean {
    return this.#tableName()[1];
  }

  isDatabase(): boolean {
    return this.#names.databases.includes(unquoted(this.one()));
  }

  /** `a = 1, b = 'x'` until the end. */
  assignments(): Readonly<Record<string, string>> {
    const settings: Record<string, string> = {};
    do {
      const name = this.one();
      this.must("=");
      settings[name] = unquoted(this.one());
    } while (this.take(","));
    this.end();
    return settings;
  }

  end(): void {
    if (this.next !== "") throw this.unexpected();
  }

  ended(): Readonly<Record<string, never>> {
    this.end();
    return {};
  }

  unexpected(): Error {
    const [at, next] = [this.#at + 1, this.next.slice(0, 80)];
    const what = next === "" ? "it ends too early" : `failed at word ${at} (${next})`;
    return refusal(CODES.syntaxError, `Syntax error: ${what}`);
  }

  #tableName(): readonly [string, boolean] {
    const first = unquoted(this.one());
    if (!this.take(".")) return [first, this.#names.tables.includes(first)];
    const second = unquoted(this.one());
    const found = this.#names.databases.includes(first) && this.#names.tables.includes(second);
    return [found ? second : `${first}.${second}`, found];
  }
}
