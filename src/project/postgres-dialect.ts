import type { SqlDialect } from "./compile-sql.ts";

/** How PostgreSQL writes names. The store's adapter numbers the parameters, and says their types in its words. */
export const postgresDialect: SqlDialect = {
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  placeholder: (name, type) => `{${name}:${type}}`,
};
