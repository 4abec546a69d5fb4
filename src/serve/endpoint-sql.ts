import { HeadraceError, messageOf } from "../errors.ts";
import { compileSql } from "../project/compile-sql.ts";
import type { Endpoint } from "../project/declarations.ts";
import { isSql } from "../project/sql.ts";
import type { BoundSql } from "../project/sql.ts";

/** The SQL that an endpoint's `query` gives for parameters. Throws `query_failed` when it gives none. */
export function endpointSql(
  endpoint: Endpoint,
  params: Record<string, unknown>,
  dialect: "clickhouse" | "postgres",
): BoundSql {
  let query: unknown;
  try {
    query = endpoint.query(params);
  } catch (error) {
    if (error instanceof HeadraceError) throw error;
    throw new HeadraceError(
      "query_failed",
      `The query function of endpoint "${endpoint.name}" failed: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (isSql(query)) return compileSql(query, dialect);
  throw new HeadraceError(
    "query_failed",
    `The query function of endpoint "${endpoint.name}" must return what the sql tag gives`,
  );
}
