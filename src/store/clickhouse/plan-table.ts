import type { Column } from "../../project/column.ts";
import type { TableSpec } from "../store.ts";
import { clickhouseType } from "./column-types.ts";
import { DATABASE, idsComment, idsTable, SYSTEM_COLUMN_TYPES } from "./ddl.ts";
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
  const table = `${DATABASE}.${quoteName(spec.name)}`;
  const added = addedColumns(spec, actual);
  const refused = [
    ...refusedColumns(spec, actual, expected),
    ...refusedKeys(spec.name, actual.engine, expected.engine),
  ];
  const described = actual.comment === expected.comment;
  const alterations = [
    ...added.map(({ column, after }) => addColumn(column, after)),
    ...(described ? [] : [`MODIFY COMMENT ${quoteText(expected.comment)}`]),
  ];
  const engine = planEngine(spec.name, spec.name, actual.engine, expected.engine);
  return {
    changes: [
      ...added.map(({ column }) => `${spec.name}: add column ${column.name} ${clickhouseType(column)}`),
      ...(described ? [] : [`${spec.name}: change the description`]),
      ...engine.changes,
    ],
    refused,
    statements: [
      ...(alterations.length === 0 ? [] : [`ALTER TABLE ${table} ${alterations.join(", ")}`]),
      ...engine.statements,
    ],
  };
}

/** Compares a stream's table of ids with its declaration. */
export function planIdsTable(spec: TableSpec, actual: TableShape, expected: TableShape): TablePlan {
  const plan = planEngine(spec.name, idsTable(spec.name), actual.engine, expected.engine);
  if (actual.comment === expected.comment) return { ...plan, refused: [] };
  const before = actual.comment.slice(idsComment("").length);
  const refused = `${spec.name}: the id is field ${before}, the declaration says ${spec.schema.idField}: ids that are kept would mean something else. ${WAYS_OUT}`;
  return { ...plan, refused: [refused] };
}

const WAYS_OUT = "Take the change back, or declare a new stream";

interface AddedColumn {
  readonly column: Column;
  /** The column that it comes after. */
  readonly after: string | undefined;
}

function addedColumns({ schema }: TableSpec, actual: TableShape): AddedColumn[] {
  return schema.columns
    .map((column, index) => ({ column, after: schema.columns[index - 1]?.name }))
    .filter(({ column }) => !actual.columns.has(column.name) && canBeAbsent(column));
}

/** Whether the rows that are there already can do without: null, or an empty list or map, says "none". */
function canBeAbsent({ nullable, type }: Column): boolean {
  if (type.kind === "tuple") return type.fields.every(canBeAbsent);
  return nullable || type.kind === "array" || type.kind === "map";
}

function addColumn(column: Column, after: string | undefined): string {
  const place = after === undefined ? "FIRST" : `AFTER ${quoteName(after)}`;
  return `ADD COLUMN IF NOT EXISTS ${quoteName(column.name)} ${clickhouseType(column)} ${place}`;
}

function refusedColumns(spec: TableSpec, actual: TableShape, expected: TableShape): string[] {
  const { name, schema } = spec;
  const required = schema.columns
    .filter((column) => !actual.columns.has(column.name) && !canBeAbsent(column))
    .map(
      (column) =>
        `${name}: column ${column.name} ${clickhouseType(column)} is new and required, but the rows that are there have no value for it. ` +
        `Make the field optional, or declare a new stream`,
    );
  const changed = [...expected.columns]
    .filter(([column, type]) => (actual.columns.get(column) ?? type) !== type)
    .map(
      ([column, type]) =>
        `${name}: column ${column} is ${actual.columns.get(column)}, the declaration says ${type}. ` +
        `Take the change back, add an optional field with another name, or declare a new stream`,
    );
  const removed = [...actual.columns.keys()]
    .filter((column) => !expected.columns.has(column))
    .map(
      (column) =>
        `${name}: column ${column} ${actual.columns.get(column)} is in the table but not in the declaration. ` +
        `Keep the field and make it optional, or declare a new stream`,
    );
  const foreign = SYSTEM_COLUMN_TYPES.filter((column) => !actual.columns.has(column.name)).map(
    (column) => `${name}: the table has no column ${column.name}, so Headrace didn't make it. Rename it`,
  );
  return [...required, ...changed, ...removed, ...foreign];
}

function refusedKeys(name: string, actual: EngineClauses, expected: EngineClauses): string[] {
  const difference = (what: string, is: string, says: string): string[] =>
    is === says
      ? []
      : [`${name}: ${what} is ${is || "not set"}, the declaration says ${says || "nothing"}. ${WAYS_OUT}`];
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
  const alter = `ALTER TABLE ${DATABASE}.${quoteName(table)}`;
  const settings = [...expected.settings].filter(
    ([key, value]) => actual.settings.get(key) !== value && !FIXED_SETTINGS.has(key),
  );
  const changes: string[] = [];
  const statements: string[] = [];
  if (actual.ttl !== expected.ttl) {
    const what = table === name ? "table.ttl" : "the window of ids";
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
