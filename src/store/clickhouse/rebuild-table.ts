import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { SECOND } from "../../units.ts";
import type { OffsetRange, TableRebuild, TableSpec } from "../store.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { copyColumns, type CopyColumns } from "./copy-columns.ts";
import { createIdsTable, createTable, KEPT_COLUMN, rebuildIdsName, rebuildName } from "./ddl.ts";
import { endRebuilds } from "./end-rebuilds.ts";
import { storeFailed } from "./engine-errors.ts";
import { quoteName, quoteText } from "./quote.ts";
import { expectedShape, readTables, tableColumns, type TableShape } from "./read-tables.ts";
import { nullableType } from "./widening.ts";

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

/** Offsets whose rows are copied by one insert: others wait for about a second. */
const COPY_OFFSETS = 1_000_000;

/** Begins an empty table beside a stream's; see `Store.beginRebuild`. */
export async function beginRebuild(
  connection: ClickHouseConnection,
  spec: TableSpec,
): Promise<TableRebuild | undefined> {
  return failing(async () => {
    await endRebuild(connection, spec.name, true);
    const old = (await readTables(connection)).get(spec.name);
    return old === undefined
      ? undefined
      : new Rebuild(connection, spec, old, await create(connection, spec, old));
  });
}

/** Makes the new table, with the columns that the old one has beyond. */
async function create(
  connection: ClickHouseConnection,
  spec: TableSpec,
  old: TableShape,
): Promise<TableShape> {
  const name = rebuildName(spec.name);
  const statement = createTable({ ...spec, name });
  await connection.run(statement, "TabSeparated");
  const expected = await expectedShape(connection, statement, tableColumns(spec), spec.description);
  const beyond = [...old.columns].filter(([column]) => !expected.columns.has(column));
  for (const [column, type] of beyond) {
    const added = `${quoteName(column)} ${nullableType(type)} COMMENT ${quoteText(KEPT_COLUMN)}`;
    await connection.run(`ALTER TABLE ${quoteName(name)} ADD COLUMN ${added}`, "TabSeparated");
  }
  return (await readTables(connection)).get(name) ?? expected;
}

class Rebuild implements TableRebuild {
  readonly table: string;
  readonly #connection: ClickHouseConnection;
  readonly #spec: TableSpec;
  readonly #uuid: string;
  readonly #columns: CopyColumns;

  constructor(connection: ClickHouseConnection, spec: TableSpec, old: TableShape, anew: TableShape) {
    this.#connection = connection;
    this.#spec = spec;
    this.#uuid = anew.uuid;
    this.#columns = copyColumns(spec, old, anew);
    this.table = rebuildName(spec.name);
  }

  get narrower(): readonly string[] {
    return this.#columns.narrower;
  }

  async countOutside(ranges: readonly OffsetRange[]): Promise<number> {
    return Number(
      await this.#ask(`SELECT count() FROM ${quoteName(this.#spec.name)} WHERE ${outside(ranges)}`),
    );
  }

  async copyOutside(ranges: readonly OffsetRange[], signal?: AbortSignal): Promise<void> {
    const names = this.#columns.copied.map(({ name }) => quoteName(name)).join(", ");
    const values = this.#columns.copied.map(({ value }) => value).join(", ");
    await this.#inPieces(
      this.#spec.name,
      outside(ranges),
      (piece) =>
        `INSERT INTO ${quoteName(this.table)} (${names}) SELECT ${values} FROM ${quoteName(this.#spec.name)} WHERE ${piece}`,
      signal,
    );
  }

  async finish(oldest = Infinity): Promise<void> {
    const { name, idWindow } = this.#spec;
    if (!(await this.#isInPlace())) {
      if (idWindow !== undefined) await this.#fillIds(oldest);
      try {
        await this.#ask(`EXCHANGE TABLES ${quoteName(this.table)} AND ${quoteName(name)}`);
      } catch (error) {
        if (!(await this.#isInPlace())) throw error;
      }
    }
    // Somebody may still read the old table: that mustn't hold up who waits for this.
    await failing(async () => endRebuild(this.#connection, name, false));
  }

  async abandon(): Promise<void> {
    await failing(async () => endRebuild(this.#connection, this.#spec.name, true));
  }

  async #isInPlace(): Promise<boolean> {
    const tables = await failing(async () => readTables(this.#connection));
    return tables.get(this.#spec.name)?.uuid === this.#uuid;
  }

  /** Anew as well: the id may be another field now, and an event that doesn't fit any more has none. */
  async #fillIds(oldest: number): Promise<void> {
    const { name, schema, idWindow = 0 } = this.#spec;
    const ids = rebuildIdsName(name, this.#uuid);
    await this.#ask(`DROP TABLE IF EXISTS ${quoteName(ids)} SYNC`);
    await this.#ask(createIdsTable(this.#spec, ids));
    const columns = [log, offset, acceptedAt].map(quoteName).join(", ");
    const earliest =
      oldest < Infinity ? `fromUnixTimestamp64Milli(${Math.floor(oldest)}, 'UTC')` : "now64(3, 'UTC')";
    const since = `least(now64(3, 'UTC'), ${earliest}) - toIntervalSecond(${Math.ceil(idWindow / SECOND)})`;
    await this.#inPieces(
      this.table,
      `${quoteName(acceptedAt)} >= ${since}`,
      (piece) =>
        `INSERT INTO ${quoteName(ids)} (id, log, offset, accepted_at) ` +
        `SELECT toString(${quoteName(schema.idField ?? "")}), ${columns} FROM ${quoteName(this.table)} WHERE ${piece}`,
    );
  }

  /** Through the one writer, which counts what it writes; in pieces, so that others' inserts come in between. */
  async #inPieces(
    table: string,
    condition: string,
    insert: (piece: string) => string,
    signal?: AbortSignal,
  ): Promise<void> {
    const [l, p, o] = [log, partition, offset].map(quoteName);
    const bounds = await this.#ask(
      `SELECT ${l}, ${p}, min(${o}), max(${o}) FROM ${quoteName(table)} WHERE ${condition} GROUP BY ${l}, ${p}`,
    );
    for (const line of bounds.split("\n").filter((one) => one !== "")) {
      const [of = "", at, first, last] = line.split("\t");
      for (let from = Number(first); from <= Number(last); from += COPY_OFFSETS) {
        signal?.throwIfAborted();
        const place = `${l} = ${quoteText(of)} AND ${p} = ${at} AND ${o} >= ${from} AND ${o} < ${from + COPY_OFFSETS}`;
        const sql = insert(`${place} AND ${condition}`);
        await failing(async () => this.#connection.insert({ sql: () => sql, inputs: {} }));
      }
    }
  }

  async #ask(sql: string): Promise<string> {
    return failing(async () => (await this.#connection.run(sql, "TabSeparated")).toString());
  }
}

async function endRebuild(connection: ClickHouseConnection, stream: string, wait: boolean): Promise<void> {
  const { plan } = endRebuilds(await readTables(connection), [stream], wait);
  for (const statement of plan.statements) await connection.run(statement, "TabSeparated");
}

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
