import { idsTable, isRebuildName, rebuildIdsName, rebuildName } from "./ddl.ts";
import type { TablePlan } from "./plan-table.ts";
import { quoteName } from "./quote.ts";
import type { TableShape } from "./read-tables.ts";

/**
 * Ends what is left of rebuilds of these streams that don't run any more. A stream's table is exchanged in one step, its ids in the
 * next. The name of the new ids says which table they are of: when that one is in place they follow it, else nothing has been
 * exchanged and they go. Gives the tables as they are afterwards too.
 */
export function endRebuilds(
  found: ReadonlyMap<string, TableShape>,
  streams: readonly string[],
  /** Whether to wait until nobody reads what is dropped, and its room on the disk is free. */
  wait = true,
): { readonly tables: ReadonlyMap<string, TableShape>; readonly plan: TablePlan } {
  const tables = new Map(found);
  const [changes, statements]: [string[], string[]] = [[], []];
  for (const stream of streams.filter((name) => !isRebuildName(name))) {
    const anew = rebuildIdsName(stream, found.get(stream)?.uuid ?? "");
    const ids = tables.get(anew);
    if (ids === undefined) continue;
    changes.push(`${stream}: take the ids that a rebuild made`);
    // Dropped and renamed rather than exchanged: the first can be repeated, and what the second has done is seen.
    statements.push(
      `DROP TABLE IF EXISTS ${quoteName(idsTable(stream))} SYNC`,
      `RENAME TABLE ${quoteName(anew)} TO ${quoteName(idsTable(stream))}`,
    );
    tables.set(idsTable(stream), ids);
    tables.delete(anew);
  }
  for (const name of [...tables.keys()].filter((one) => streams.some((stream) => isRebuildOf(stream, one)))) {
    changes.push(`${name}: drop what a rebuild left behind`);
    statements.push(`DROP TABLE IF EXISTS ${quoteName(name)}${wait ? " SYNC" : ""}`);
    tables.delete(name);
  }
  return { tables, plan: { changes, refused: [], statements } };
}

const UUID_LENGTH = 36;

function isRebuildOf(stream: string, table: string): boolean {
  if (!isRebuildName(table)) return false;
  const ids = rebuildIdsName(stream, "");
  const isIds = table.startsWith(ids) && table.length === ids.length + UUID_LENGTH;
  // The stream itself as well: all that a start finds is left over, whatever it was of.
  return table === stream || table === rebuildName(stream) || isIds;
}
