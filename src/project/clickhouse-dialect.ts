import type { SqlDialect } from "./compile-sql.ts";

/** How ClickHouse writes names and parameters. */
export const clickhouseDialect: SqlDialect = {
  identifier: (name) => `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``,
  placeholder: (name, type) => `{${name}:${type}}`,
};
