import { randomBytes } from "node:crypto";
import { HeadraceError } from "../../errors.ts";
import { parseDate } from "../../project/validate/datetime.ts";
import { DAY, SECOND } from "../../units.ts";
import { NAME_BYTES_MAX } from "./ddl.ts";
import { rowsOf, type Connection } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName, quoteText } from "./quote.ts";

export type PartitionUnit = "day" | "week" | "month" | "year";

/** Partitions of one table; the server plans a query over more of them slowly. */
export const PARTITIONS_MAX = 5_000;

const PARTITIONS_SQL = `
  SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = $1::regclass`;

export interface Partition {
  readonly name: string;
  /** First day, "yyyy-mm-dd", and the day after the last. */
  readonly from: string;
  readonly to: string;
}

/** The partitions of tables that are divided by time. They are made when rows come for them. */
export class Partitions {
  readonly #pool: PostgresPool;
  /** First days of what is there, by table. */
  readonly #known = new Map<string, Set<string>>();

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  /** Makes the partitions that rows of these days need. */
  async ensure(table: string, unit: PartitionUnit, days: ReadonlySet<string>): Promise<void> {
    const wanted = new Set<string>();
    // What is no day at all is refused by the column.
    for (const day of days) if (parseDate(day) !== undefined) wanted.add(periodStart(day, unit));
    const known = this.#known.get(table);
    if (known !== undefined && [...wanted].every((day) => known.has(day))) return;
    const there = await this.#pool.transaction((connection) => this.#make(connection, table, unit, wanted));
    this.#known.set(table, there);
  }

  /** The same within a transaction, which may have made the table. */
  async ensureWithin(
    connection: Connection,
    table: string,
    unit: PartitionUnit,
    days: ReadonlySet<string>,
  ): Promise<void> {
    await this.#make(connection, table, unit, new Set([...days].map((day) => periodStart(day, unit))));
    this.forget(table);
  }

  async #make(
    connection: Connection,
    table: string,
    unit: PartitionUnit,
    wanted: ReadonlySet<string>,
  ): Promise<Set<string>> {
    // One at a time, and none while another process makes or drops some.
    await connection.query(`LOCK TABLE ${quoteName(table)} IN SHARE UPDATE EXCLUSIVE MODE`);
    const existing = new Set((await readPartitions(connection, table)).map(({ from }) => from));
    const missing = [...wanted].filter((day) => !existing.has(day));
    if (existing.size + missing.length > PARTITIONS_MAX) {
      const reason = `Table ${table} would have more than ${PARTITIONS_MAX} partitions`;
      throw new HeadraceError("store_refused_events", reason, { details: { reason } });
    }
    for (const day of missing) {
      await makePartition(connection, table, { from: day, to: periodEnd(day, unit) });
      existing.add(day);
    }
    return existing;
  }

  /** What was known may not hold any more: it is read again when it is next needed. */
  forget(table: string): void {
    this.#known.delete(table);
  }

  /** Drops the partitions that end before a day, one at a time. Gives how many. */
  async dropBefore(table: string, day: string): Promise<number> {
    this.forget(table);
    const old = (await this.#pool.with((connection) => readPartitions(connection, table))).filter(
      ({ to }) => to <= day,
    );
    for (const { name } of old) {
      await this.#pool.transaction(async (connection) => {
        // Whoever waits for the lock holds up all that come after it.
        await connection.query("SET LOCAL lock_timeout TO '2s'");
        await connection.query(`DROP TABLE IF EXISTS ${quoteName(name)}`);
      });
      this.forget(table);
    }
    return old.length;
  }
}

export async function readPartitions(
  connection: Pick<Connection, "query">,
  table: string,
): Promise<readonly Partition[]> {
  const rows = await rowsOf(connection, PARTITIONS_SQL, [quoteName(table)]);
  return rows.map(([name, bound]) => {
    const [, from = "", to = ""] =
      /FROM \('(\d{4}-\d\d-\d\d)[^']*'\) TO \('(\d{4}-\d\d-\d\d)[^']*'\)/.exec(bound ?? "") ?? [];
    return { name: name ?? "", from, to };
  });
}

/** Made beside the table and then attached, which holds up no reader or writer. */
async function makePartition(
  connection: Connection,
  table: string,
  { from, to }: Omit<Partition, "name">,
): Promise<void> {
  const tail = `_${from.replaceAll("-", "")}_${randomBytes(4).toString("hex")}`;
  const name = quoteName(`_p_${table.slice(0, NAME_BYTES_MAX - 3 - tail.length)}${tail}`);
  const parent = quoteName(table);
  await connection.query(`CREATE TABLE ${name} (LIKE ${parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`);
  // Without a time it is midnight, in UTC as the connection's time zone is.
  await connection.query(
    `ALTER TABLE ${parent} ATTACH PARTITION ${name} FOR VALUES FROM (${quoteText(from)}) TO (${quoteText(to)})`,
  );
}

/** The first day of the period that a day is in. Weeks begin on Monday. */
export function periodStart(day: string, unit: PartitionUnit): string {
  switch (unit) {
    case "day":
      return day;
    case "week": {
      const seconds = parseDate(day) ?? 0;
      // 1970-01-01 was a Thursday.
      const weekday = (((seconds / (DAY / SECOND) + 3) % 7) + 7) % 7;
      return dayOf(seconds * SECOND - weekday * DAY);
    }
    case "month":
      return `${day.slice(0, 7)}-01`;
    case "year":
      return `${day.slice(0, 4)}-01-01`;
    default:
      return unit satisfies never;
  }
}

/** The first day of the next period. */
export function periodEnd(start: string, unit: PartitionUnit): string {
  const date = new Date(`${start}T00:00:00Z`);
  if (unit === "day") date.setUTCDate(date.getUTCDate() + 1);
  else if (unit === "week") date.setUTCDate(date.getUTCDate() + 7);
  else if (unit === "month") date.setUTCMonth(date.getUTCMonth() + 1);
  else date.setUTCFullYear(date.getUTCFullYear() + 1);
  return date.toISOString().slice(0, 10);
}

export function dayOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}
