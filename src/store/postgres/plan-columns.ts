import type { Column } from "../../project/column.ts";
import type { TableSpec } from "../store.ts";
import { canBeAbsent, columnText, postgresType } from "./column-types.ts";
import { columnDefinition, jsonDefault, nestedComment, SYSTEM_COLUMN_TYPES } from "./ddl.ts";
import { defaultExpression } from "./default-expression.ts";
import { quoteName } from "./quote.ts";
import type { StoredColumn, TableShape } from "./read-tables.ts";
import { storedText, storedType, widens, type StoredType } from "./widening.ts";

/** What is to be done to the columns of a stream's table. */
export interface ColumnsPlan {
  readonly changes: readonly string[];
  readonly refused: readonly string[];
  readonly statements: readonly string[];
}

interface ColumnPlan {
  readonly column: string;
  readonly change?: string;
  readonly refused?: string;
  readonly statements?: readonly string[];
}

/**
 * Compares columns. Followed is what changes no value that is there: new columns that may be absent, wider types, and
 * columns that aren't declared any more, which stay. Everything else is refused with the ways out.
 */
export function planColumns(spec: TableSpec, actual: TableShape): ColumnsPlan {
  const renamed = renamedColumns(spec, actual);
  const parts = [
    ...spec.schema.columns.map((column) => planDeclared(spec, actual, column)),
    ...undeclared(spec, actual).map((name) => planUndeclared(spec, actual, name)),
  ].filter(({ column }) => !renamed.some((pair) => pair.from === column || pair.to === column));
  return {
    changes: parts.flatMap(({ change }) => change ?? []),
    refused: [
      ...renamed.map((pair) => renameRefused(spec.name, pair)),
      ...parts.flatMap(({ refused }) => refused ?? []),
      ...foreignTable(spec.name, actual),
    ],
    statements: parts.flatMap(({ statements }) => statements ?? []),
  };
}

function planDeclared(spec: TableSpec, actual: TableShape, column: Column): ColumnPlan {
  const { name } = column;
  const is = actual.columns.get(name);
  if (is === undefined) return planAdded(spec, column);
  const [isText, saysText] = [storedText(is), columnText(column)];
  const comment = [`COMMENT ON COLUMN ${quoteName(spec.name)}.${quoteName(name)} IS NULL`];
  const comments = postgresType(column.type) === "jsonb" ? nestedComment(spec.name, column) : comment;
  if (isText !== saysText) {
    const problem = changeProblem(spec, name, is, column);
    if (problem !== undefined) return { column: name, refused: problem };
    return {
      column: name,
      change: `${spec.name}: column ${name} becomes ${saysText} (it is ${isText})`,
      statements: [...alterType(spec.name, column, is), ...comments],
    };
  }
  if (!is.kept) return { column: name };
  return { column: name, change: `${spec.name}: column ${name} is declared again`, statements: comments };
}

function alterType(table: string, column: Column, is: StoredColumn): string[] {
  const name = quoteName(column.name);
  const type = postgresType(column.type);
  // As a text an address would come with its mask.
  const using = is.text === "inet" && type === "text" ? ` USING host(${name})` : ` USING ${name}::${type}`;
  const parts = [
    ...(is.text === type ? [] : [`ALTER COLUMN ${name} TYPE ${type}${using}`]),
    ...(column.nullable && !is.nullable ? [`ALTER COLUMN ${name} DROP NOT NULL`] : []),
  ];
  // Of a jsonb only what it holds changes, and that is in its comment.
  return parts.length === 0 ? [] : [`ALTER TABLE ${quoteName(table)} ${parts.join(", ")}`];
}

function planAdded(spec: TableSpec, column: Column): ColumnPlan {
  const { name } = column;
  const fallback = defaultExpression(column, spec.defaults?.get(name));
  if (fallback === undefined && !canBeAbsent(column)) {
    return {
      column: name,
      refused:
        `${spec.name}: column ${name} ${columnText(column)} is new and required, but the rows that are there have no value for it. ` +
        `Make the field optional, or give it a default, which these rows then get too`,
    };
  }
  const has = fallback === undefined ? "" : `, which is ${fallback.text} in the rows that are there`;
  return {
    column: name,
    change: `${spec.name}: add column ${name} ${columnText(column)}${has}`,
    statements: [
      `ALTER TABLE ${quoteName(spec.name)} ADD COLUMN ${columnDefinition(column, fallback?.sql ?? jsonDefault(column))}`,
      ...nestedComment(spec.name, column),
    ],
  };
}

function changeProblem(spec: TableSpec, name: string, is: StoredColumn, column: Column): string | undefined {
  const [isText, saysText] = [storedText(is), columnText(column)];
  const rebuild = `run \`headrace rebuild ${spec.name}\` with the server stopped`;
  if (!widens(is, storedType(column.type, column.nullable))) {
    return (
      `${spec.name}: column ${name} is ${isText}, the declaration says ${saysText}, which can't hold all that it may hold now. ` +
      `Take the change back; add an optional field with another name; or ${rebuild}: every event is judged anew, and what doesn't fit is kept as rejected`
    );
  }
  if (!keysOf(spec).has(name)) return undefined;
  return (
    `${spec.name}: column ${name} is ${isText}, the declaration says ${saysText}, and rows are sorted, divided or dropped by it. ` +
    `Take the change back, or ${rebuild}`
  );
}

function keysOf({ table }: TableSpec): ReadonlySet<string> {
  return new Set([...table.orderBy, table.partitionBy?.column ?? "", table.ttl?.column ?? ""]);
}

/** Columns that nothing declares any more and that aren't ours. */
function undeclared({ schema }: TableSpec, actual: TableShape): string[] {
  const known = new Set([...schema.columns, ...SYSTEM_COLUMN_TYPES].map(({ name }) => name));
  return [...actual.columns.keys()].filter((name) => !known.has(name));
}

/** A column stays, so that nothing is lost and old batches of the log still fit; new rows have null there. */
function planUndeclared(spec: TableSpec, actual: TableShape, name: string): ColumnPlan {
  const is = actual.columns.get(name);
  if (is === undefined || is.kept) return { column: name };
  const becomes =
    is.nullable || is.nested !== undefined ? "" : ` as ${storedText({ ...is, nullable: true })}`;
  const quoted = quoteName(name);
  return {
    column: name,
    change: `${spec.name}: keep column ${name}${becomes}, though nothing declares it any more`,
    statements: [
      ...(is.nested === undefined
        ? [
            `ALTER TABLE ${quoteName(spec.name)} ALTER COLUMN ${quoted} DROP NOT NULL, ALTER COLUMN ${quoted} DROP DEFAULT`,
          ]
        : []),
      ...nestedComment(spec.name, { name, type: is.nested ?? { kind: "string" } }, true),
    ],
  };
}

function bare(type: StoredType): string {
  return storedText({ ...type, nullable: true });
}

interface Rename {
  readonly from: string;
  readonly to: string;
  readonly type: string;
}

/** A column that goes while one of its type comes looks like a rename, which a table with both would silently break. */
function renamedColumns(spec: TableSpec, actual: TableShape): Rename[] {
  const gone = undeclared(spec, actual).filter((name) => actual.columns.get(name)?.kept === false);
  const come = spec.schema.columns.filter(({ name }) => !actual.columns.has(name));
  return gone.flatMap((from) => {
    const is = actual.columns.get(from);
    if (is === undefined) return [];
    const to = come.find((column) => bare(storedType(column.type, true)) === bare(is));
    return to === undefined ? [] : [{ from, to: to.name, type: storedText(is) }];
  });
}

function renameRefused(table: string, { from, to, type }: Rename): string {
  return (
    `${table}: column ${from} ${type} isn't declared any more and ${to} is new: a rename? The rows and the log have it as ${from}. ` +
    `Keep ${from} as an optional field beside an optional ${to}, and say coalesce(${to}, ${from}) in queries; ` +
    `if it is no rename, start once without ${from} before ${to} is added`
  );
}

function foreignTable(name: string, actual: TableShape): string[] {
  return SYSTEM_COLUMN_TYPES.filter((column) => !actual.columns.has(column.name)).map(
    (column) => `${name}: the table has no column ${column.name}, so Headrace didn't make it. Rename it`,
  );
}
