import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { HOUR } from "../../units.ts";
import type { OffsetRange, TableRebuild, TableSpec } from "../store.ts";
import { canBeAbsent } from "./column-types.ts";
import {
  createIdsTable,
  createTable,
  idsTable,
  idsUnit,
  IDS_PARTITION_COLUMN,
  LOADED_TABLE,
  nestedComment,
  rebuildName,
  rememberTable,
  SYSTEM_COLUMN_TYPES,
  TABLES_TABLE,
} from "./ddl.ts";
import { defaultExpression } from "./default-expression.ts";
import { storeFailed } from "./engine-errors.ts";
import { dayOf, type Partitions } from "./partitions.ts";
import { rowsOf, type Connection } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName, quoteText } from "./quote.ts";
import { readTables, type TableShape } from "./read-tables.ts";
import { timeText } from "./stored-ids.ts";
import { storedType, widens } from "./widening.ts";

/** Copying a whole table takes its time. Milliseconds. */
const REBUILD_TIMEOUT = 24 * HOUR;

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

export interface Rebuilding {
  readonly pool: PostgresPool;
  readonly partitions: Partitions;
  /** What was known of a table doesn't hold any more. */
  forget(table: string): void;
}

/** Begins an empty table beside a stream's; see `Store.beginRebuild`. */
export async function beginRebuild(work: Rebuilding, spec: TableSpec): Promise<TableRebuild | undefined> {
  return failing(async () => {
    const tables = await work.pool.with(readTables);
    const old = tables.get(spec.name);
    if (old === undefined) return undefined;
    const rebuild = new Rebuild(work, spec, old);
    await rebuild.begin();
    return rebuild;
  });
}

class Rebuild implements TableRebuild {
  readonly table: string;
  readonly #work: Rebuilding;
  readonly #spec: TableSpec;
  readonly #old: TableShape;

  constructor(work: Rebuilding, spec: TableSpec, old: TableShape) {
    this.#work = work;
    this.#spec = spec;
    this.#old = old;
    this.table = rebuildName(spec.name);
  }

  async begin(): Promise<void> {
    await this.#run(async (connection) => {
      await this.#drop(connection);
      const { idWindow: _ids, ...spec } = this.#spec;
      const anew = { ...spec, name: this.table };
      for (const statement of [...createTable(anew), rememberTable(anew)]) await connection.query(statement);
      for (const [name, { text, nested }] of this.#beyond()) {
        const type = nested ?? { kind: "string" };
        const fallback =
          nested === undefined ? "" : ` DEFAULT ${quoteText(nested.kind === "array" ? "[]" : "{}")}`;
        await connection.query(
          `ALTER TABLE ${quoteName(this.table)} ADD COLUMN ${quoteName(name)} ${text}${fallback}`,
        );
        for (const comment of nestedComment(this.table, { name, type }, true))
          await connection.query(comment);
      }
    });
  }

  async countOutside(ranges: readonly OffsetRange[]): Promise<number> {
    return this.#run(async (connection) => {
      const sql = `SELECT count(*) FROM ${quoteName(this.#spec.name)} WHERE ${outside(ranges)}`;
      const [[count] = []] = await rowsOf(connection, sql);
      return Number(count);
    });
  }

  get narrower(): readonly string[] {
    const problems = this.#spec.schema.columns.filter((column) => {
      const was = this.#old.columns.get(column.name);
      if (was !== undefined) return !widens(was, storedType(column.type, column.nullable));
      return this.#valueOf(column) === undefined && !canBeAbsent(column);
    });
    return problems.map(({ name }) => name);
  }

  /** Other inserts go on meanwhile: on this server nobody waits for a reader or a writer of rows. */
  async copyOutside(ranges: readonly OffsetRange[], signal?: AbortSignal): Promise<void> {
    // A column that the old table hasn't is filled as an added one is.
    const values = new Map(this.#spec.schema.columns.map((column) => [column.name, this.#valueOf(column)]));
    const others = [...SYSTEM_COLUMN_TYPES.map(({ name }) => name), ...this.#beyond().map(([name]) => name)];
    for (const name of others) values.set(name, quoteName(name));
    const filled = [...values].flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
    const from = `FROM ${quoteName(this.#spec.name)} WHERE ${outside(ranges)}`;
    await failing(() => this.#makePartitions(from));
    signal?.throwIfAborted();
    await this.#run((connection) =>
      connection.query(
        `INSERT INTO ${quoteName(this.table)} (${filled.map(({ name }) => quoteName(name)).join(", ")}) ` +
          `SELECT ${filled.map(({ value }) => value).join(", ")} ${from}`,
      ),
    );
  }

  /** All at once: rows, ids, and how far they are loaded. */
  async finish(oldest = Infinity): Promise<void> {
    const { name, idWindow } = this.#spec;
    await this.#run(async (connection) => {
      const [[there] = []] = await rowsOf(connection, "SELECT to_regclass($1)::text", [
        quoteName(this.table),
      ]);
      // A commit whose answer was lost.
      if (there === null) return;
      if (idWindow !== undefined) await this.#fillIds(connection, Math.min(oldest, Date.now()) - idWindow);
      await connection.query(`DROP TABLE ${quoteName(name)} CASCADE`);
      await connection.query(`ALTER TABLE ${quoteName(this.table)} RENAME TO ${quoteName(name)}`);
      await connection.query(`DELETE FROM ${TABLES_TABLE} WHERE name = ${quoteText(this.table)}`);
      await connection.query(rememberTable(this.#spec));
      // What was loaded into either was loaded.
      await connection.query(
        `INSERT INTO ${LOADED_TABLE} AS l SELECT ${quoteText(name)}, log, partition, next FROM ${LOADED_TABLE} WHERE table_name = ${quoteText(this.table)} ` +
          `ON CONFLICT (table_name, log, partition) DO UPDATE SET next = greatest(l.next, EXCLUDED.next)`,
      );
      await connection.query(`DELETE FROM ${LOADED_TABLE} WHERE table_name = ${quoteText(this.table)}`);
    });
    for (const table of [name, idsTable(name), this.table]) this.#work.forget(table);
  }

  async abandon(): Promise<void> {
    await this.#run((connection) => this.#drop(connection));
    this.#work.forget(this.table);
  }

  /** Columns that the declaration doesn't have and the old table has. */
  #beyond() {
    const known = new Set([...this.#spec.schema.columns, ...SYSTEM_COLUMN_TYPES].map(({ name }) => name));
    return [...this.#old.columns].filter(([name]) => !known.has(name));
  }

  #valueOf(column: TableSpec["schema"]["columns"][number]): string | undefined {
    const was = this.#old.columns.get(column.name);
    if (was === undefined) return defaultExpression(column, this.#spec.defaults?.get(column.name))?.sql;
    const name = quoteName(column.name);
    const isAddress = was.text === "inet" && storedType(column.type, true).text === "text";
    return isAddress ? `host(${name})` : name;
  }

  async #makePartitions(from: string): Promise<void> {
    const by = this.#spec.table.partitionBy;
    if (by === undefined) return;
    const days = await this.#work.pool.run(`SELECT DISTINCT (${quoteName(by.column)})::date::text ${from}`);
    await this.#work.partitions.ensure(this.table, by.unit, new Set(days.map(([day]) => day ?? "")));
  }

  /** Anew as well: the id may be another field now, and an event that doesn't fit any more has none. */
  async #fillIds(connection: Connection, since: number): Promise<void> {
    const { name, schema, idWindow = 0 } = this.#spec;
    const ids = idsTable(name);
    await connection.query(`DROP TABLE IF EXISTS ${quoteName(ids)} CASCADE`);
    for (const statement of createIdsTable(this.#spec)) await connection.query(statement);
    const today = dayOf(Date.now());
    await this.#work.partitions.ensureWithin(connection, ids, idsUnit(idWindow), new Set([today]));
    await rowsOf(
      connection,
      `INSERT INTO ${quoteName(ids)} (id, log, "offset", accepted_at, ${IDS_PARTITION_COLUMN}) ` +
        `SELECT ${quoteName(schema.idField ?? "")}::text, ${[log, offset, acceptedAt].map(quoteName).join(", ")}, ${quoteText(today)}::date ` +
        `FROM ${quoteName(this.table)} WHERE ${quoteName(acceptedAt)} >= $1 ` +
        `AND ${quoteName(schema.idField ?? "")} IS NOT NULL`,
      [timeText(Math.max(0, since))],
    );
  }

  async #drop(connection: Connection): Promise<void> {
    await connection.query(`DROP TABLE IF EXISTS ${quoteName(this.table)} CASCADE`);
    await connection.query(`DELETE FROM ${TABLES_TABLE} WHERE name = ${quoteText(this.table)}`);
    await connection.query(`DELETE FROM ${LOADED_TABLE} WHERE table_name = ${quoteText(this.table)}`);
  }

  #run<Value>(work: (connection: Connection) => Promise<Value>): Promise<Value> {
    return failing(() => this.#work.pool.transaction(work, REBUILD_TIMEOUT));
  }
}

function outside(ranges: readonly OffsetRange[]): string {
  const inside = ranges.map(
    (range) =>
      `(${quoteName(log)} = ${quoteText(range.log)} AND ${quoteName(partition)} = ${range.partition} ` +
      `AND ${quoteName(offset)} >= ${range.from} AND ${quoteName(offset)} < ${range.to})`,
  );
  return inside.length === 0 ? "true" : `NOT (${inside.join(" OR ")})`;
}

async function failing<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw storeFailed("Making the table anew failed", error);
  }
}
