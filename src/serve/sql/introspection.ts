import { compileSql } from "../../project/compile-sql.ts";
import type { Stream } from "../../project/declarations.ts";
import { sql } from "../../project/sql.ts";
import type { BoundSql } from "../../project/sql.ts";
import { sqlWords } from "../../store/sql-words.ts";
import type { Store } from "../../store/store.ts";
import { unknownName } from "../../project/unknown-name.ts";

const NAME = /(?:(?<word>[A-Za-z_]\w*)|`(?<quoted>[^`\\]+)`|"(?<double>[^"\\]+)")/.source;
const DESCRIBE = new RegExp(
  `^\\s*(?:desc(?:ribe)?(?:\\s+table)?|show\\s+columns\\s+(?:from|in))\\s+${NAME}\\s*;?\\s*$`,
  "i",
);
const SHOW_TABLES = /^\s*show\s+tables\s*;?\s*$/i;

/**
 * `DESCRIBE <stream>` (also DESC and SHOW COLUMNS FROM) and `SHOW TABLES` as a query over what is declared, whose answer
 * comes like any other. Undefined for any other SQL.
 * @throws HeadraceError `unknown_stream`
 */
export async function introspection(
  text: string,
  streams: readonly Stream[],
  store: Store,
): Promise<BoundSql | undefined> {
  const { dialect } = store.capabilities;
  const words = sqlWords(store.capabilities);
  if (SHOW_TABLES.test(text)) return compileSql(words.pairs("description", streams.map(facts)), dialect);
  const { word, quoted, double } = DESCRIBE.exec(text)?.groups ?? {};
  const name = word ?? quoted ?? double;
  if (name === undefined) return undefined;
  const stream = streams.find((one) => one.name === name);
  if (stream === undefined) {
    throw unknownName(
      "stream",
      name,
      streams.map((one) => one.name),
    );
  }
  const columns = await store.describe(compileSql(sql`SELECT * FROM ${stream}`, dialect));
  return compileSql(
    words.pairs(
      "type",
      columns.map(({ name: column, type }) => [column, type]),
    ),
    dialect,
  );
}

function facts({ name, description }: Stream): readonly [string, string] {
  return [name, description];
}
