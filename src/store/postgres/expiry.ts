import { MINUTE } from "../../units.ts";
import type { TableSpec } from "../store.ts";
import type { Partitions } from "./partitions.ts";
import { rowsOf } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName } from "./quote.ts";

/** How often what is over is dropped. Milliseconds. */
const LOOK_INTERVAL = 10 * MINUTE;
/** Rows that are deleted at once where a table has no partitions to drop. */
const ROWS_AT_ONCE = 10_000;

export interface Expiring {
  readonly pool: PostgresPool;
  readonly partitions: Partitions;
}

/** Drops now and then the rows of these tables that are over by their ttl. */
export class Expiry {
  readonly #expiring: Expiring;
  #specs: readonly TableSpec[] = [];
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(expiring: Expiring) {
    this.#expiring = expiring;
  }

  /** From now on these tables, the first time at once. */
  keep(specs: readonly TableSpec[]): void {
    const names = new Set(specs.map(({ name }) => name));
    this.#specs = [...this.#specs.filter(({ name }) => !names.has(name)), ...specs];
    clearInterval(this.#timer);
    if (this.#closed) return;
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL).unref();
    this.#look();
  }

  /** Waits for what is being dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#work;
  }

  #look(): void {
    const specs = this.#specs.filter(({ table }) => table.ttl !== undefined);
    this.#work = this.#expireAll(specs, this.#work);
  }

  async #expireAll(specs: readonly TableSpec[], before: Promise<void>): Promise<void> {
    await before;
    for (const spec of specs) {
      // What fails, such as a lock that a long query holds, is done by the next look.
      if (!this.#closed) await expire(this.#expiring, spec).catch(() => {});
    }
  }
}

/** Drops the rows of one table that are over. */
export async function expire({ pool, partitions }: Expiring, { name, table }: TableSpec): Promise<void> {
  const { ttl, partitionBy } = table;
  if (ttl === undefined) return;
  const limit = `now() - interval '${ttl.count} ${ttl.unit}'`;
  if (partitionBy?.column === ttl.column) {
    const [[day] = []] = await pool.run(`SELECT (${limit})::date::text`);
    await partitions.dropBefore(name, day ?? "");
    return;
  }
  const [quoted, column] = [quoteName(name), quoteName(ttl.column)];
  const rest = `SELECT tableoid, ctid FROM ${quoted} WHERE ${column} < ${limit} LIMIT ${ROWS_AT_ONCE}`;
  for (;;) {
    const deleted = await pool.with((connection) =>
      rowsOf(
        connection,
        `WITH gone AS (DELETE FROM ${quoted} WHERE (tableoid, ctid) IN (${rest}) RETURNING 1) SELECT count(*) FROM gone`,
      ),
    );
    if (Number(deleted[0]?.[0]) < ROWS_AT_ONCE) return;
  }
}
