import type { MigrationPlan, TableSpec } from "../store.ts";
import {
  createIdsTable,
  createTable,
  declarationProblems,
  declaredOptions,
  idsTable,
  isRebuildName,
  rememberTable,
  TABLES_TABLE,
} from "./ddl.ts";
import { storeFailed } from "./engine-errors.ts";
import { planColumns } from "./plan-columns.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName, quoteText } from "./quote.ts";
import { readTables, type TableShape } from "./read-tables.ts";

/** What is to be done to one table. */
interface TablePlan {
  readonly changes: readonly string[];
  readonly refused: readonly string[];
  readonly statements: readonly string[];
}

/** Makes the tables fit the declarations, all of them in one transaction. */
export async function migrateTables(
  pool: PostgresPool,
  specs: readonly TableSpec[],
  dryRun: boolean,
): Promise<MigrationPlan> {
  try {
    return await pool.transaction(async (connection) => {
      const existing = await readTables(connection);
      const plans = [
        ...specs.map((spec) => planTable(spec, existing.get(spec.name))),
        ...specs.map((spec) => planIds(spec, existing)),
        undeclaredTables(specs, existing),
      ];
      const refused = plans.flatMap((plan) => plan.refused);
      if (!dryRun && refused.length === 0) {
        for (const statement of plans.flatMap((plan) => plan.statements)) await connection.query(statement);
      }
      return { changes: plans.flatMap((plan) => plan.changes), refused };
    });
  } catch (error) {
    throw storeFailed("Making the tables failed", error);
  }
}

function planTable(spec: TableSpec, actual: TableShape | undefined): TablePlan {
  const problems = declarationProblems(spec);
  if (problems.length > 0) return { changes: [], refused: problems, statements: [] };
  if (actual === undefined) {
    return {
      changes: [`${spec.name}: create the table`],
      refused: [],
      statements: [...createTable(spec), rememberTable(spec)],
    };
  }
  const columns = planColumns(spec, actual);
  const described = actual.comment === spec.description;
  const options = planOptions(spec, actual);
  return {
    changes: [
      ...columns.changes,
      ...(described ? [] : [`${spec.name}: change the description`]),
      ...options.changes,
    ],
    refused: [...columns.refused, ...options.refused],
    statements: [
      ...columns.statements,
      ...(described ? [] : [`COMMENT ON TABLE ${quoteName(spec.name)} IS ${quoteText(spec.description)}`]),
      ...options.statements,
    ],
  };
}

function planOptions(spec: TableSpec, actual: TableShape): TablePlan {
  const { name } = spec;
  const [is, says] = [actual.declared, declaredOptions(spec.table)];
  if (is === undefined) {
    const refused = `${name}: Headrace didn't make this table. Rename it, or give the store a schema of its own with ?schema=`;
    return { changes: [], refused: [refused], statements: [] };
  }
  const difference = (what: string, before: string, now: string): string[] =>
    before === now
      ? []
      : [
          `${name}: ${what} is ${before || "not set"}, the declaration says ${now || "nothing"}. ${waysOut(name)}`,
        ];
  const isTtlNew = is.ttl !== says.ttl;
  return {
    changes: isTtlNew
      ? [`${name}: change table.ttl from ${is.ttl || "nothing"} to ${says.ttl || "nothing"}`]
      : [],
    refused: [
      ...difference("table.orderBy", is.orderBy, says.orderBy),
      ...difference("table.partitionBy", is.partitionBy, says.partitionBy),
    ],
    statements: isTtlNew ? [rememberTable(spec)] : [],
  };
}

function planIds(spec: TableSpec, existing: ReadonlyMap<string, TableShape>): TablePlan {
  const { name, schema, idWindow } = spec;
  const none: TablePlan = { changes: [], refused: [], statements: [] };
  if (idWindow === undefined) return none;
  const { idField, idWindow: window } = existing.get(name) ?? {};
  if (!existing.has(idsTable(name))) {
    const from = existing.has(name) ? ", from now on" : "";
    return {
      changes: [`${name}: keep the ids of ${schema.idField}${from}`],
      refused: [],
      statements: [...createIdsTable(spec), rememberTable(spec)],
    };
  }
  if (idField !== undefined && idField !== schema.idField) {
    const refused = `${name}: the id is field ${idField}, the declaration says ${schema.idField}: ids that are kept would mean something else. ${waysOut(name)}`;
    return { ...none, refused: [refused] };
  }
  if (window === idWindow) return none;
  return {
    changes: [`${name}: change the window of ids from ${window ?? 0} to ${idWindow} ms`],
    refused: [],
    statements: [rememberTable(spec)],
  };
}

function waysOut(stream: string): string {
  return `Take the change back, or run \`headrace rebuild ${stream}\` with the server stopped`;
}

/** Tables that nothing declares any more stay as they are; what a rebuild left behind when it was cut short goes. */
function undeclaredTables(specs: readonly TableSpec[], existing: ReadonlyMap<string, TableShape>): TablePlan {
  const declared = new Set(
    specs.flatMap((spec) => [spec.name, ...(spec.idWindow === undefined ? [] : [idsTable(spec.name)])]),
  );
  const names = [...existing.keys()].filter((name) => !declared.has(name));
  const left = names.filter(isRebuildName);
  return {
    changes: [
      ...names
        .filter((name) => !isRebuildName(name))
        .map((name) => `${name}: kept, though nothing declares it`),
      ...left.map((name) => `${name}: drop what a rebuild left behind`),
    ],
    refused: [],
    statements: left.flatMap((name) => [
      `DROP TABLE IF EXISTS ${quoteName(name)} CASCADE`,
      `DELETE FROM ${TABLES_TABLE} WHERE name = ${quoteText(name)}`,
    ]),
  };
}
