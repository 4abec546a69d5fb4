import { SYSTEM_COLUMNS, type Column } from "../../project/column.ts";
import { SECOND } from "../../units.ts";
import type { OffsetRange, TableRebuild, TableSpec } from "../store.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { createIdsTable, createTable, DATABASE, idsTable, KEPT_COLUMN, rebuildName } from "./ddl.ts";
import { defaultExpression } from "./default-expression.ts";
import { storeFailed } from "./engine-errors.ts";
import { canBeAbsent } from "./plan-columns.ts";
import { quoteName, quoteText } from "./quote.ts";
import { expectedShape, readTables, tableColumns, type TableShape } from "./read-tables.ts";
import { nullableType, widens } from "./widening.ts";

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

/** Begins an empty table beside a stream's; see `Store.beginRebuild`. */
export async function beginRebuild(
  connection: ClickHouseConnection,
  spec: TableSpec,
): Promise<TableRebuild | undefined> {
  return failing(async () => {
    const tables = await readTables(connection);
    const old = tables.get(spec.name);
    if (old === undefined) return undefined;
    const work = new Rebuild(connection, spec, old);
    await work.begin(tables.has(idsTable(spec.name)));
    return work;
  });
}

class Rebuild implements TableRebuild {
  readonly table: string;
  readonly #connection: ClickHouseConnection;
  readonly #spec: TableSpec;
  readonly #old: TableShape;
  #new: TableShape;
  #hasIds = false;

  constructor(connection: ClickHouseConnection, spec: TableSpec, old: TableShape) {
    this.#connection = connection;
    this.#spec = spec;
    this.#old = old;
    this.#new = old;
    this.table = rebuildName(spec.name);
  }

  async begin(hasIds: boolean): Promise<void> {
    this.#hasIds = hasIds;
    await this.#drop(this.table);
    await this.#drop(this.#idsAnew);
    const spec = { ...this.#spec, name: this.table };
    const create = createTable(spec);
    await this.#run(create);
    const expected = await expectedShape(this.#connection, create, tableColumns(spec), spec.description);
    const beyond = [...this.#old.columns].filter(([name]) => !expected.columns.has(name));
    for (const [name, type] of beyond) {
      await this.#run(
        `ALTER TABLE ${qualified(this.table)} ADD COLUMN ${quoteName(name)} ${nullableType(type)} COMMENT ${quoteText(KEPT_COLUMN)}`,
      );
    }
    this.#new = (await readTables(this.#connection)).get(this.table) ?? expected;
  }

  async countOutside(ranges: readonly OffsetRange[]): Promise<number> {
    const sql = `SELECT count() FROM ${qualified(this.#spec.name)} WHERE ${outside(ranges)}`;
    return Number(await this.#run(sql));
  }

  async copyOutside(ranges: readonly OffsetRange[]): Promise<readonly string[]> {
    const { columns } = this.#new;
    const problems = [...columns].flatMap(([name, type]) => {
      const was = this.#old.columns.get(name);
      return was !== undefined && !widens(was, type) ? [name] : [];
    });
    // A column that the old table hasn't is filled as an added one is.
    const added = this.#spec.schema.columns.filter(({ name }) => !this.#old.columns.has(name));
    const defaults = new Map(added.map((column) => [column.name, this.#default(column)]));
    problems.push(
      ...added
        .filter((one) => defaults.get(one.name) === undefined && !canBeAbsent(one))
        .map(({ name }) => name),
    );
    if (problems.length > 0) return problems;
    const names = [...columns.keys()].filter(
      (name) => this.#old.columns.has(name) || defaults.get(name) !== undefined,
    );
    const values = names.map((name) => defaults.get(name) ?? quoteName(name));
    await this.#run(
      `INSERT INTO ${qualified(this.table)} (${names.map(quoteName).join(", ")}) ` +
        `SELECT ${values.join(", ")} FROM ${qualified(this.#spec.name)} WHERE ${outside(ranges)} ` +
        `SETTINGS max_partitions_per_insert_block = 0`,
    );
    return [];
  }

  async finish(): Promise<void> {
    const { name, idWindow } = this.#spec;
    if (idWindow !== undefined) await this.#fillIds();
    // The rows first: as long as the ids are of another field, a start is refused and the rebuild can be run again.
    await this.#run(`EXCHANGE TABLES ${qualified(this.table)} AND ${qualified(name)}`);
    if (idWindow !== undefined) {
      const [ids, anew] = [qualified(idsTable(name)), qualified(this.#idsAnew)];
      await this.#run(this.#hasIds ? `EXCHANGE TABLES ${anew} AND ${ids}` : `RENAME TABLE ${anew} TO ${ids}`);
    }
    await this.abandon();
  }

  async abandon(): Promise<void> {
    await this.#drop(this.table);
    await this.#drop(this.#idsAnew);
  }

  get #idsAnew(): string {
    return rebuildName(idsTable(this.#spec.name));
  }

  #default(column: Column): string | undefined {
    return defaultExpression(column, this.#spec.defaults?.get(column.name))?.sql;
  }

  /** Anew as well: the id may be another field now, and an event that doesn't fit any more has none. */
  async #fillIds(): Promise<void> {
    const { schema, idWindow = 0 } = this.#spec;
    await this.#drop(this.#idsAnew);
    await this.#run(createIdsTable(this.#spec, this.#idsAnew));
    const columns = [log, offset, acceptedAt].map(quoteName).join(", ");
    const since = `now64(3, 'UTC') - toIntervalSecond(${Math.ceil(idWindow / SECOND)})`;
    await this.#run(
      `INSERT INTO ${qualified(this.#idsAnew)} (id, log, offset, accepted_at) ` +
        `SELECT toString(${quoteName(schema.idField ?? "")}), ${columns} FROM ${qualified(this.table)} ` +
        `WHERE ${quoteName(acceptedAt)} >= ${since} SETTINGS max_partitions_per_insert_block = 0`,
    );
  }

  async #drop(table: string): Promise<void> {
    await this.#run(`DROP TABLE IF EXISTS ${qualified(table)} SYNC`);
  }

  async #run(sql: string): Promise<string> {
    return failing(async () => (await this.#connection.run(sql, "TabSeparated")).toString());
  }
}

const qualified = (table: string): string => `${DATABASE}.${quoteName(table)}`;

function outside(ranges: readonly OffsetRange[]): string {
  const inside = ranges.map(
    (range) =>
      `(${quoteName(log)} = ${quoteText(range.log)} AND ${quoteName(partition)} = ${range.partition} ` +
      `AND ${quoteName(offset)} >= ${range.from} AND ${quoteName(offset)} < ${range.to})`,
  );
  return inside.length === 0 ? "1" : `NOT (${inside.join(" OR ")})`;
}

async function failing<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw storeFailed("Making the table anew failed", error);
  }
}
