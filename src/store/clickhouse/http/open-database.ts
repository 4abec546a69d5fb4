import { HeadraceError } from "../../../errors.ts";
import { createDatabase, isStoreComment, storeComment, storeIdOf } from "../ddl.ts";
import { FENCE_SETTINGS, INSERT_SETTINGS, READ_SETTINGS } from "../engine-settings.ts";
import { quoteName, quoteText } from "../quote.ts";
import type { ClickHouseTarget } from "./connect-options.ts";
import { readStoreComment, type Servers } from "./servers.ts";

/** Makes the database when there is none, or takes an empty one, and gives the store's id, which is in its comment. */
export async function openDatabase(servers: Servers, { database }: ClickHouseTarget): Promise<string> {
  const ask = (sql: string): Promise<Buffer> => servers.run(sql, "TabSeparated", { anywhere: true });
  await checkVersion(ask);
  const found = await readStoreComment(ask, database);
  if (found === undefined) await ask(createDatabase(database));
  else if (!isStoreComment(found)) await take(ask, database);
  const comment = await readStoreComment(ask, database);
  if (comment !== undefined && isStoreComment(comment)) return storeIdOf(comment);
  throw new HeadraceError("store_failed", `The database ${database} can't be made into a store`);
}

/** Settings that this version sends: without one of them an answer, or a refusal, would be another. */
async function checkVersion(ask: (sql: string) => Promise<Buffer>): Promise<void> {
  const names = Object.keys({ ...READ_SETTINGS, ...FENCE_SETTINGS, ...INSERT_SETTINGS });
  const list = names.map(quoteText).join(", ");
  const known = (await ask(`SELECT name FROM system.settings WHERE name IN (${list})`)).toString().split("\n");
  const missing = names.filter((name) => !known.includes(name));
  if (missing.length === 0) return;
  const version = (await ask("SELECT version()")).toString().trim();
  throw new HeadraceError(
    "store_failed",
    `ClickHouse ${version} is too old: it has no setting ${missing.join(", ")}. Headrace is made for 26.3 and later`,
  );
}

/** A database that somebody made for us, since a user may be allowed to use one and not to make it. */
async function take(ask: (sql: string) => Promise<Buffer>, database: string): Promise<void> {
  const tables = await ask(`SELECT count() FROM system.tables WHERE database = ${quoteText(database)}`);
  if (tables.toString().trim() !== "0") {
    throw new HeadraceError(
      "store_failed",
      `The database ${database} holds tables that aren't Headrace's: name one of its own in HEADRACE_STORE_URL`,
    );
  }
  await ask(`ALTER DATABASE ${quoteName(database)} MODIFY COMMENT ${quoteText(storeComment())}`);
}
