import { setTimeout as sleep } from "node:timers/promises";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { SECOND } from "../../units.ts";
import type { OffsetRange, Span } from "../store.ts";
import { LOADED_TABLE } from "./ddl.ts";
import { rowsOf, type Connection } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName } from "./quote.ts";

/** How long whoever holds the place of a log may go on before it is taken for what a lost connection left behind. */
const STRAGGLER_PATIENCE = 3 * SECOND;
/** How often it is looked again. Milliseconds. */
const STRAGGLER_INTERVAL = SECOND;

/** One partition of a log as a table has it. */
export type Place = Pick<OffsetRange, "log" | "partition"> & { readonly table: string };

const keyOf = ({ table, log, partition }: Place): string[] => [table, log, `${partition}`];

/**
 * Takes the place for this transaction: no other insert of it can be running then, and none that is done is overlooked. Gives
 * the offset from which on nothing was ever loaded.
 *
 * An insert holds its place from before its first row until its commit is decided and visible, so this is where one waits for
 * what a lost connection left behind. Who asks is the one that loads this partition, so a holder that doesn't go is ended.
 */
export async function takePlace(pool: PostgresPool, connection: Connection, place: Place): Promise<number> {
  const watch = new AbortController();
  const ended = endStragglers(pool, backendOf(connection), watch.signal);
  try {
    const [[next] = []] = await rowsOf(
      connection,
      `INSERT INTO ${LOADED_TABLE} AS l VALUES ($1, $2, $3, 0)
       ON CONFLICT (table_name, log, partition) DO UPDATE SET next = l.next RETURNING next`,
      keyOf(place),
    );
    return Number(next);
  } finally {
    watch.abort();
    await ended;
  }
}

/** Rows before this offset are in the table, or were once: from the transaction's commit on. */
export async function movePlace(connection: Connection, place: Place, next: number): Promise<void> {
  await rowsOf(
    connection,
    `UPDATE ${LOADED_TABLE} SET next = greatest(next, $4::bigint) WHERE table_name = $1 AND log = $2 AND partition = $3`,
    [...keyOf(place), `${next}`],
  );
}

/** The offsets of a range that are in the table, as sorted, disjoint ranges. */
export async function readSpans(
  connection: Connection,
  table: string,
  { log, partition, from, to }: OffsetRange,
): Promise<Span[]> {
  const [name, offset] = [quoteName(table), quoteName(SYSTEM_COLUMNS.offset)];
  const rows = await rowsOf(
    connection,
    `SELECT min(o), max(o) + 1 FROM (
       SELECT o, o - row_number() OVER (ORDER BY o) AS run FROM (
         SELECT DISTINCT ${offset} AS o FROM ${name}
         WHERE ${offset} >= $1 AND ${offset} < $2 AND ${quoteName(SYSTEM_COLUMNS.log)} = $3 AND ${quoteName(SYSTEM_COLUMNS.partition)} = $4
       ) AS offsets
     ) AS runs GROUP BY run ORDER BY 1`,
    [`${from}`, `${to}`, log, `${partition}`],
  );
  return rows.map(([first, end]) => ({ from: Number(first), to: Number(end) }));
}

/** The server process that works for a connection. */
export function backendOf(connection: Connection): number {
  return (connection as unknown as { readonly processID: number }).processID;
}

/** While the backend waits for a lock for too long, ends those that it waits for. */
async function endStragglers(pool: PostgresPool, waiting: number, signal: AbortSignal): Promise<void> {
  await sleep(STRAGGLER_PATIENCE, undefined, { signal, ref: false }).catch(() => {});
  while (!signal.aborted) {
    await pool
      .control("SELECT pg_terminate_backend(blocker) FROM unnest(pg_blocking_pids($1)) AS blocker", [
        `${waiting}`,
      ])
      // The wait goes on, and ends with its own connection.
      .catch(() => {});
    await sleep(STRAGGLER_INTERVAL, undefined, { signal, ref: false }).catch(() => {});
  }
}
