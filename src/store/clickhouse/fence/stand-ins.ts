import type { BoundSql } from "../../../project/sql.ts";
import type { StandIns } from "../../store.ts";
import { quoteName } from "../quote.ts";
import { tokensOf, type Token } from "./check-statement.ts";

/**
 * Puts what stands for them in the place of tables of other databases and of functions, and takes the databases' names
 * away from before the names of tables. The text must be one that the engine has written. What comes out is no more than
 * a proposal: it is checked like any other.
 */
export function withStandIns(sql: BoundSql, standIns: StandIns, tables: readonly string[]): Exchanged {
  return new Exchange(sql, standIns, tables).run();
}

export interface Exchanged {
  readonly sql: BoundSql;
  /** Names of columns of the tables that are stood for in it. */
  readonly columns: readonly string[];
}

class Exchange {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #standIns: StandIns;
  readonly #databases: ReadonlySet<string>;
  readonly #tables: ReadonlySet<string>;
  /** The names under which stood-for tables are known in the text, by "database.table". */
  readonly #aliases = new Map<string, string>();
  #params: BoundSql["params"];
  readonly #columns: string[] = [];
  /** The exchanges, in the order of the text. */
  readonly #edits: { readonly from: number; readonly to: number; readonly text: string }[] = [];

  constructor(sql: BoundSql, standIns: StandIns, tables: readonly string[]) {
    this.#text = sql.text;
    this.#params = sql.params;
    this.#tokens = tokensOf(sql.text);
    this.#standIns = standIns;
    this.#databases = new Set(standIns.databases);
    this.#tables = new Set(tables);
  }

  run(): Exchanged {
    for (let index = 0; index < this.#tokens.length; index++) this.#nameTable(index);
    for (let index = 0; index < this.#tokens.length;) index += this.#exchange(index);
    let text = "";
    let end = 0;
    for (const edit of this.#edits) {
      text += this.#text.slice(end, edit.from) + edit.text;
      end = edit.to;
    }
    return { sql: { text: text + this.#text.slice(end), params: this.#params }, columns: this.#columns };
  }

  /** Notes under which name a stood-for table after FROM or JOIN is known: columns may be named by its own as well. */
  #nameTable(index: number): void {
    const path = this.#pathAt(index);
    const [database = "", table = ""] = path;
    const key = keyOf(database, table);
    if (path.length !== 2 || !this.#standIns.tables.has(key) || this.#aliases.has(key)) return;
    const alias = this.#tokens[index + 3]?.text === "AS" ? this.#tokens[index + 4] : undefined;
    this.#aliases.set(key, alias === undefined ? table : nameOf(alias));
  }

  /** Exchanges what begins at this token; gives how many tokens it had. */
  #exchange(index: number): number {
    const path = this.#pathAt(index);
    if (path.length === 0) return 1;
    const tokens = path.length * 2 - 1;
    const [first = "", second = "", ...rest] = path;
    const key = keyOf(first, second);
    const alias = this.#aliases.get(key);
    const standIn = this.#standIns.tables.get(key);
    if (standIn !== undefined && alias !== undefined) {
      // `system.tables.name` is a column, `system.tables` the table itself.
      if (rest.length > 0) this.#put(index, tokens, [alias, ...rest].map(quoteName).join("."));
      else {
        this.#columns.push(...standIn.columns);
        this.#put(index, tokens, `(${this.#take(standIn)})${this.#unlessNamed(index + tokens, second)}`);
      }
    } else if (this.#databases.has(first) && (this.#tables.has(second) || this.#isTablePlace(index, path))) {
      this.#put(index, tokens, [second, ...rest].map(quoteName).join("."));
    } else if (path.length === 1 && this.#isCall(index)) {
      const call = this.#standIns.calls.get(first.toLowerCase());
      if (call === undefined) return tokens;
      const named = this.#unlessNamed(index + CALL_TOKENS, `${first}()`);
      const text = named === "" ? this.#take(call) : `(${this.#take(call)}${named})`;
      this.#put(index, CALL_TOKENS, text);
      return CALL_TOKENS;
    }
    return tokens;
  }

  /** Names with points between them that begin at this token; [] where there are none or they began before. */
  #pathAt(index: number): string[] {
    const path: string[] = [];
    if (this.#tokens[index - 1]?.text === ".") return path;
    for (let at = index; ; at += 2) {
      const token = this.#tokens[at];
      if (token?.kind !== "word" && token?.kind !== "name") return path;
      path.push(nameOf(token));
      if (this.#tokens[at + 1]?.text !== ".") return path;
    }
  }

  /** A name there is a table's, whether there is such a table or not. */
  #isTablePlace(index: number, path: readonly string[]): boolean {
    return path.length === 2 && ["FROM", "JOIN"].includes(this.#tokens[index - 1]?.text ?? "");
  }

  #isCall(index: number): boolean {
    return this.#tokens[index + 1]?.text === "(" && this.#tokens[index + 2]?.text === ")";
  }

  /** The name that it has from itself, unless the text gives it one. */
  #unlessNamed(next: number, name: string): string {
    return this.#tokens[next]?.text === "AS" ? "" : ` AS ${quoteName(name)}`;
  }

  #take({ text, params }: BoundSql): string {
    this.#params = { ...this.#params, ...params };
    return text;
  }

  #put(index: number, count: number, text: string): void {
    const first = this.#tokens[index];
    const last = this.#tokens[index + count - 1];
    if (first === undefined || last === undefined) return;
    this.#edits.push({ from: first.at, to: last.at + last.text.length, text });
  }
}

/** A name and two parentheses. */
const CALL_TOKENS = 3;

function keyOf(database: string, table: string): string {
  return `${database}.${table}`.toLowerCase();
}

function nameOf({ kind, text }: Token): string {
  return kind === "name" ? text.slice(1, -1).replaceAll(/\\(.)/gs, "$1") : text;
}
