import { idsTable } from "../ddl.ts";
import { quoteName, quoteText } from "../quote.ts";
import type { ClusterTarget } from "./connect-options.ts";

/** Offsets that are on one shard before the next one's turn: an insert is on one shard, or on two. */
const SHARD_OFFSETS = 2 ** 20;
const IDS_PREFIX = idsTable("");

/** One statement as a server gets it. */
export interface PlacedStatement {
  readonly sql: string;
  readonly database: string;
}

/**
 * Tables on the servers of a cluster. What the store takes for a table is two there: in a database beside its own each shard has
 * its part, replicated (ReplicatedMergeTree); in its own database a Distributed table stands before them, which queries and
 * inserts go through. Both have the same name.
 *
 * The store's statements are those for one server. Those that define or change tables are written anew here: their first words
 * are known, since all of them are our own.
 */
export class ClusterLayout {
  /** Where queries and inserts go. */
  readonly database: string;
  /** Where each shard's part is. */
  readonly shards: string;
  readonly #name: string;

  constructor(database: string, { name }: ClusterTarget) {
    this.database = database;
    this.shards = `${database}_shard`;
    this.#name = name;
  }

  /** What is to be run in place of a statement, one after the other; the answer is the last one's. */
  place(sql: string): PlacedStatement[] {
    const [, verb = "", rest = ""] = DEFINITION.exec(sql) ?? [];
    const names = [...rest.matchAll(NAME)].map(([name]) => name);
    const [table = "", other = ""] = names;
    switch (verb) {
      case "CREATE TABLE IF NOT EXISTS":
        return [this.#onShards(this.#behindName(verb, rest).replace(ENGINE, REPLICATED)), this.#front(table)];
      case "ALTER TABLE":
        return [
          this.#onShards(this.#behindName(verb, rest)),
          ...(CHANGES_ROWS.test(rest) ? [] : [this.#front(table)]),
        ];
      case "DROP TABLE IF EXISTS":
        return [this.#dropFront(table), this.#onShards(this.#behindName(verb, rest))];
      case "RENAME TABLE":
        return [this.#onShards(`${sql}${this.clause}`), this.#dropFront(table), this.#front(other)];
      case "EXCHANGE TABLES":
        return [this.#onShards(`${sql}${this.clause}`), this.#front(table), this.#front(other)];
      case "KILL MUTATION":
        return [this.#onShards(`${verb}${this.clause} ${rest}`)];
      default:
        return [this.#question(sql)];
    }
  }

  /** Statements that make both databases; the store's id is in the comment of the one in front. */
  create(comment: string): string[] {
    return [
      `CREATE DATABASE IF NOT EXISTS ${quoteName(this.shards)}${this.clause}`,
      `CREATE DATABASE IF NOT EXISTS ${quoteName(this.database)}${this.clause} COMMENT ${quoteText(comment)}`,
    ];
  }

  /** Every copy of a table's rows on every replica: what is on one that isn't up to date counts too. All must answer. */
  copies(table: string): string {
    return `clusterAllReplicas(${quoteText(this.#name)}, ${quoteName(this.shards)}.${quoteName(table)})`;
  }

  /** A system table of all replicas. */
  everywhere(systemTable: string): string {
    return `clusterAllReplicas(${quoteText(this.#name)}, ${systemTable})`;
  }

  /** Ends queries on all replicas. */
  kill(condition: string): string {
    return `KILL QUERY${this.clause} WHERE ${condition} ASYNC`;
  }

  /** For statements that all servers are to run. */
  get clause(): string {
    return ` ON CLUSTER ${quoteText(this.#name)}`;
  }

  #onShards(sql: string): PlacedStatement {
    return { sql: this.#withDatabase(sql, this.shards), database: this.shards };
  }

  /** `ON CLUSTER` stands behind the table's name. */
  #behindName(verb: string, rest: string): string {
    const name = FIRST_NAME.exec(rest)?.[0] ?? "";
    return `${verb} ${name}${this.clause}${rest.slice(name.length)}`;
  }

  /** The table in front of the shards' one of that name. */
  front(table: string): PlacedStatement {
    return this.#front(quoteName(table));
  }

  /** Names of tables that have none in front of them, since a change was cut short. */
  get unfronted(): string {
    return `${namesIn(this.shards)} AND name NOT IN (${namesIn(this.database)})`;
  }

  /** The table in front as the shards' one is now. It holds no rows, so it is made anew at any time. */
  #front(table: string): PlacedStatement {
    const shards = quoteName(this.shards);
    const offset = table.slice(1).startsWith(IDS_PREFIX) || isRebuiltIds(table) ? "offset" : "_offset";
    const engine = `Distributed(${quoteText(this.#name)}, ${quoteText(this.shards)}, ${quoteText(table.slice(1, -1))}, intDiv(${offset}, ${SHARD_OFFSETS}))`;
    return {
      sql: `CREATE OR REPLACE TABLE ${table}${this.clause} AS ${shards}.${table} ENGINE = ${engine}`,
      database: this.database,
    };
  }

  #dropFront(table: string): PlacedStatement {
    return { sql: `DROP TABLE IF EXISTS ${table}${this.clause} SYNC`, database: this.database };
  }

  /** What tables look like, and what becomes of mutations, is asked of the shards' tables. */
  #question(sql: string): PlacedStatement {
    if (/\bFROM system\.mutations\b/.test(sql)) {
      return this.#onShards(sql.replace("system.mutations", this.everywhere("system.mutations")));
    }
    const isOfShards = /\bFROM system\.(?:tables|columns)\b|^EXISTS TABLE\b/.test(sql);
    return isOfShards ? this.#onShards(sql) : { sql, database: this.database };
  }

  /** On another server the database of the one that asks isn't the current one. */
  #withDatabase(sql: string, database: string): string {
    return sql.replaceAll("currentDatabase()", () => quoteText(database));
  }
}

const namesIn = (database: string): string =>
  `SELECT name FROM system.tables WHERE database = ${quoteText(database)}`;

const DEFINITION =
  /^(CREATE TABLE IF NOT EXISTS|ALTER TABLE|DROP TABLE IF EXISTS|RENAME TABLE|EXCHANGE TABLES|KILL MUTATION) (.*)$/s;
/** A quoted name. */
const NAME = /`(?:[^`\\]|\\.)*`/g;
const FIRST_NAME = /^`(?:[^`\\]|\\.)*`/;
const ENGINE = ") ENGINE = MergeTree";
/** The UUID is the same on all servers, since one of them makes it for all; shard and replica are each server's own macros. */
const REPLICATED = ") ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')";
/** Changes of rows and not of the table. */
const CHANGES_ROWS = /^`[^`]+` (?:DELETE WHERE|DROP PARTITION)\b/;

const isRebuiltIds = (table: string): boolean => table.slice(1).startsWith(`_rebuild_${IDS_PREFIX}`);
