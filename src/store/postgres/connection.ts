import type { PoolClient } from "pg";
import type { Wire } from "./protocol.ts";

/** A connection that is lent to one caller. */
export type Connection = PoolClient;

/** For errors that are told elsewhere too. */
export function ignore(): void {}

/** Gives a connection back; one that broke, or that is amid something, isn't reusable. */
export function release(connection: Connection, reusable: boolean): void {
  connection.release(!reusable);
  // The pool listens from now on.
  connection.removeListener("error", ignore);
}

/** Ends a connection without a word: its statement fails. */
export function breakOff(connection: Connection): void {
  wireOf(connection).stream.destroy(new Error("The connection ended: it was given up"));
}

/** `pg`'s own connection, below its queries. */
export function wireOf(connection: Connection): Wire {
  return connection.connection as unknown as Wire;
}

export async function rowsOf(
  connection: Pick<Connection, "query">,
  sql: string,
  values: readonly (string | null)[] = [],
): Promise<(string | null)[][]> {
  const { rows } = await connection.query({
    text: sql,
    values: [...values],
    rowMode: "array",
    types: AS_TEXT,
  });
  return rows as (string | null)[][];
}

/** Values as the server writes them: what they mean is ours to say. */
const AS_TEXT = { getTypeParser: () => (text: string) => text };
