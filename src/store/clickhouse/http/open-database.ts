import { HeadraceError } from "../../../errors.ts";
import { createDatabase, isStoreComment, storeComment, storeIdOf } from "../ddl.ts";
import { FENCE_SETTINGS, INSERT_SETTINGS, READ_SETTINGS } from "../engine-settings.ts";
import { quoteName, quoteText } from "../quote.ts";
import type { ClusterLayout } from "./cluster.ts";
import { readStoreComment, type Servers } from "./servers.ts";

type Ask = (sql: string, database?: string) => Promise<Buffer>;

/** Makes the database when there is none, or takes an empty one, and gives the store's id, which is in its comment. */
export async function openDatabase(
  servers: Servers,
  database: string,
  layout: ClusterLayout | undefined,
): Promise<string> {
  const ask: Ask = (sql, of) => servers.run(sql, "TabSeparated", of === undefined ? {} : { database: of });
  await checkVersion(ask);
  const found = await readStoreComment(ask, database);
  const create = layout?.create(storeComment()) ?? [createDatabase(database)];
  if (found === undefined) for (const statement of create) await ask(statement);
  else if (!isStoreComment(found)) await take(ask, database, layout);
  if (layout !== undefined) await frontTables(ask, layout);
  const comment = await readStoreComment(ask, database);
  if (comment !== undefined && isStoreComment(comment)) return storeIdOf(comment);
  throw new HeadraceError("store_failed", `The database ${database} can't be made into a store`);
}

/** Settings that this version sends: without one of them an answer, or a refusal, would be another. */
async function checkVersion(ask: Ask): Promise<void> {
  const names = Object.keys({ ...READ_SETTINGS, ...FENCE_SETTINGS, ...INSERT_SETTINGS });
  const list = names.map(quoteText).join(", ");
  const known = lines(await ask(`SELECT name FROM system.settings WHERE name IN (${list})`));
  const missing = names.filter((name) => !known.includes(name));
  if (missing.length === 0) return;
  const [version = ""] = lines(await ask("SELECT version()"));
  throw new HeadraceError(
    "store_failed",
    `ClickHouse ${version} is too old for Headrace: it has no setting ${missing.join(", ")}`,
  );
}

/** A database that somebody made for us, since a user may be allowed to use one and not to make it. */
async function take(ask: Ask, database: string, layout: ClusterLayout | undefined): Promise<void> {
  const [tables] = lines(
    await ask(`SELECT count() FROM system.tables WHERE database = ${quoteText(database)}`),
  );
  if (tables !== "0") {
    throw new HeadraceError(
      "store_failed",
      `The database ${database} holds tables that aren't Headrace's: name one of its own in HEADRACE_STORE_URL`,
    );
  }
  const where = layout?.clause ?? "";
  await ask(`ALTER DATABASE ${quoteName(database)}${where} MODIFY COMMENT ${quoteText(storeComment())}`);
  for (const statement of layout?.create("") ?? []) await ask(statement);
}

/** A change that was cut short may have left a table of the shards without the one in front of it. */
async function frontTables(ask: Ask, layout: ClusterLayout): Promise<void> {
  for (const table of lines(await ask(layout.unfronted))) {
    const { sql, database } = layout.front(table);
    await ask(sql, database);
  }
}

function lines(answer: Buffer): string[] {
  return answer
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}
