import type { TableSpec } from "../store.ts";
import { idsComment, idsTable } from "./ddl.ts";
import { planColumns } from "./plan-columns.ts";
import { quoteName, quoteText } from "./quote.ts";
import type { EngineClauses, TableShape } from "./read-tables.ts";

/** What is to be done to one table. */
export interface TablePlan {
  readonly changes: readonly string[];
  readonly refused: readonly string[];
  /** Statements that make the changes; each may be repeated. */
  readonly statements: readonly string[];
}

/** Settings that a table keeps as it was created with. */
const FIXED_SETTINGS = new Set(["index_granularity"]);

/** Compares a stream's table with its declaration. */
export function planTable(spec: TableSpec, actual: TableShape, expected: TableShape): TablePlan {
  const columns = planColumns(spec, actual, expected);
  const described = actual.comment === expected.comment;
  const alterations = [
    ...columns.alterations,
    ...(described ? [] : [`MODIFY COMMENT ${quoteText(expected.comment)}`]),
  ];
  const engine = planEngine(spec.name, spec.name, actual.engine, expected.engine);
  return {
    changes: [
      ...columns.changes,
      ...(described ? [] : [`${spec.name}: change the description`]),
      ...engine.changes,
    ],
    refused: [...columns.refused, ...refusedKeys(spec.name, actual.engine, expected.engine)],
    statements: [
      ...alterTable(spec.name, alterations),
      ...engine.statements,
      ...alterTable(spec.name, columns.farewells),
    ],
  };
}

/** Values are converted behind the start's back; until that is done, queries and merges convert what they read. */
function alterTable(name: string, alterations: readonly string[]): string[] {
  if (alterations.length === 0) return [];
  return [`ALTER TABLE ${quoteName(name)} ${alterations.join(", ")} SETTINGS alter_sync = 0`];
}

/** Compares a stream's table of ids with its declaration. */
export function planIdsTable(spec: TableSpec, actual: TableShape, expected: TableShape): TablePlan {
  const plan = planEngine(spec.name, idsTable(spec.name), actual.engine, expected.engine);
  if (actual.comment === expected.comment) return { ...plan, refused: [] };
  const before = actual.comment.slice(idsComment("").length);
  const refused = `${spec.name}: the id is field ${before}, the declaration says ${spec.schema.idField}: ids that are kept would mean something else. ${waysOut(spec.name)}`;
  return { ...plan, refused: [refused] };
}

function waysOut(stream: string): string {
  return `Take the change back, or run \`headrace rebuild ${stream} --offline\``;
}

function refusedKeys(name: string, actual: EngineClauses, expected: EngineClauses): string[] {
  const difference = (what: string, is: string, says: string): string[] =>
    is === says
      ? []
      : [
          `${name}: ${what} is ${is || "not set"}, the declaration says ${says || "nothing"}. ${waysOut(name)}`,
        ];
  return [
    ...difference("the table's engine", actual.name, expected.name),
    ...difference("table.orderBy", actual.orderBy, expected.orderBy),
    ...difference("table.partitionBy", actual.partitionBy, expected.partitionBy),
  ];
}

function planEngine(
  name: string,
  table: string,
  actual: EngineClauses,
  expected: EngineClauses,
): Omit<TablePlan, "refused"> {
  const alter = `ALTER TABLE ${quoteName(table)}`;
  const settings = [...expected.settings].filter(
    ([key, value]) => actual.settings.get(key) !== value && !FIXED_SETTINGS.has(key),
  );
  const changes: string[] = [];
  const statements: string[] = [];
  if (actual.ttl !== expected.ttl) {
    const what = table === name ? "table.ttl" : "the ttl of the ids";
    changes.push(`${name}: change ${what} from ${actual.ttl || "nothing"} to ${expected.ttl || "nothing"}`);
    statements.push(`${alter} ${expected.ttl === "" ? "REMOVE TTL" : `MODIFY TTL ${expected.ttl}`}`);
  }
  if (settings.length > 0) {
    const list = settings.map(([key, value]) => `${key} = ${value}`).join(", ");
    changes.push(`${table}: change settings ${list}`);
    statements.push(`${alter} MODIFY SETTING ${list}`);
  }
  return { changes, statements };
}
