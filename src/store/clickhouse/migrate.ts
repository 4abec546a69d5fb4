import { HeadraceError } from "../../errors.ts";
import type { MigrationPlan, TableSpec } from "../store.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { createIdsTable, createTable, idsComment, idsTable } from "./ddl.ts";
import { endRebuilds } from "./end-rebuilds.ts";
import { storeFailed } from "./engine-errors.ts";
import { planIdsTable, planTable, type TablePlan } from "./plan-table.ts";
import { expectedShape, IDS_COLUMNS, readTables, tableColumns, type TableShape } from "./read-tables.ts";

/**
 * Makes the tables fit the declarations. Each statement may be repeated and leaves the tables readable, so a crash in
 * between is healed by the next start.
 */
export async function migrateTables(
  connection: ClickHouseConnection,
  specs: readonly TableSpec[],
  dryRun: boolean,
): Promise<MigrationPlan> {
  try {
    const found = await readTables(connection);
    const { tables: existing, plan: ended } = endRebuilds(found, [...found.keys()]);
    const plans: TablePlan[] = [ended];
    for (const spec of specs) {
      plans.push(await planStream(connection, spec, existing.get(spec.name)));
      if (spec.idWindow !== undefined) plans.push(await planIds(connection, spec, existing));
    }
    plans.push(undeclaredTables(specs, existing));
    const refused = plans.flatMap((plan) => plan.refused);
    if (!dryRun && refused.length === 0) {
      for (const statement of plans.flatMap((plan) => plan.statements))
        await connection.run(statement, "TabSeparated");
    }
    return { changes: plans.flatMap((plan) => plan.changes), refused };
  } catch (error) {
    throw error instanceof HeadraceError ? error : storeFailed("Making the tables failed", error);
  }
}

async function planStream(
  connection: ClickHouseConnection,
  spec: TableSpec,
  actual: TableShape | undefined,
): Promise<TablePlan> {
  const create = createTable(spec);
  if (actual === undefined)
    return { changes: [`${spec.name}: create the table`], refused: [], statements: [create] };
  const expected = await expectedShape(connection, create, tableColumns(spec), spec.description);
  return planTable(spec, actual, expected);
}

async function planIds(
  connection: ClickHouseConnection,
  spec: TableSpec,
  existing: ReadonlyMap<string, TableShape>,
): Promise<TablePlan> {
  const create = createIdsTable(spec);
  const actual = existing.get(idsTable(spec.name));
  if (actual !== undefined) {
    const expected = await expectedShape(connection, create, IDS_COLUMNS, idsComment(spec.schema.idField));
    return planIdsTable(spec, actual, expected);
  }
  const from = existing.has(spec.name) ? ", from now on" : "";
  return {
    changes: [`${spec.name}: keep the ids of ${spec.schema.idField}${from}`],
    refused: [],
    statements: [create],
  };
}

/** Tables that nothing declares any more stay as they are. */
function undeclaredTables(specs: readonly TableSpec[], existing: ReadonlyMap<string, TableShape>): TablePlan {
  const declared = new Set(
    specs.flatMap((spec) => [spec.name, ...(spec.idWindow === undefined ? [] : [idsTable(spec.name)])]),
  );
  const kept = [...existing.keys()].filter((name) => !declared.has(name));
  return {
    changes: kept.map((name) => `${name}: kept, though nothing declares it`),
    refused: [],
    statements: [],
  };
}
