import type { Column } from "../../project/column.ts";
import type { TableSpec } from "../store.ts";
import { clickhouseType } from "./column-types.ts";
import { KEPT_COLUMN, SYSTEM_COLUMN_TYPES } from "./ddl.ts";
import { defaultExpression } from "./default-expression.ts";
import { quoteName, quoteText } from "./quote.ts";
import type { TableShape } from "./read-tables.ts";
import { bareType, nullableType, widens } from "./widening.ts";

/** What is to be done to the columns of a stream's table. */
export interface ColumnsPlan {
  readonly changes: readonly string[];
  readonly refused: readonly string[];
  /** Parts of an ALTER TABLE that add and widen columns. */
  readonly alterations: readonly string[];
  /** The same for columns that aren't declared any more; made last, when no TTL needs them. */
  readonly farewells: readonly string[];
}

/**
 * Compares columns. Followed is what changes no value that is there: new columns that may be absent, wider types, and
 * columns that aren't declared any more, which stay. Everything else is refused with the ways out.
 */
export function planColumns(spec: TableSpec, actual: TableShape, expected: TableShape): ColumnsPlan {
  const renamed = renamedColumns(spec, actual, expected);
  const parts = [
    ...spec.schema.columns.map((column, index) => planDeclared(spec, actual, expected, column, index)),
    ...undeclared(actual, expected).map((name) => planUndeclared(spec, actual, name)),
  ].filter(({ column }) => !renamed.some((pair) => pair.from === column || pair.to === column));
  return {
    changes: parts.flatMap(({ change }) => change ?? []),
    refused: [
      ...renamed.map((pair) => renameRefused(spec.name, pair)),
      ...parts.flatMap(({ refused }) => refused ?? []),
      ...foreignTable(spec.name, actual),
    ],
    alterations: parts.flatMap(({ alteration }) => alteration ?? []),
    farewells: parts.flatMap(({ farewell }) => farewell ?? []),
  };
}

interface ColumnPlan {
  readonly column: string;
  readonly change?: string;
  readonly refused?: string;
  readonly alteration?: string;
  readonly farewell?: string;
}

function planDeclared(
  spec: TableSpec,
  actual: TableShape,
  expected: TableShape,
  column: Column,
  index: number,
): ColumnPlan {
  const { name } = column;
  const is = actual.columns.get(name);
  const says = expected.columns.get(name) ?? clickhouseType(column);
  if (is === undefined) return planAdded(spec, column, spec.schema.columns[index - 1]?.name);
  const kept = actual.kept.has(name);
  const comment = kept ? " COMMENT ''" : "";
  if (is !== says) {
    const problem = changeProblem(spec.name, actual, name, is, says);
    if (problem !== undefined) return { column: name, refused: problem };
    return {
      column: name,
      change: `${spec.name}: column ${name} becomes ${says} (it is ${is})`,
      alteration: `MODIFY COLUMN ${quoteName(name)} ${clickhouseType(column)}${comment}`,
    };
  }
  if (!kept) return { column: name };
  return {
    column: name,
    change: `${spec.name}: column ${name} is declared again`,
    alteration: `COMMENT COLUMN ${quoteName(name)} ''`,
  };
}

function planAdded(spec: TableSpec, column: Column, after: string | undefined): ColumnPlan {
  const { name } = column;
  const type = clickhouseType(column);
  const place = after === undefined ? "FIRST" : `AFTER ${quoteName(after)}`;
  const fallback = defaultExpression(column, spec.defaults?.get(name));
  if (fallback === undefined && !canBeAbsent(column)) {
    return {
      column: name,
      refused:
        `${spec.name}: column ${name} ${type} is new and required, but the rows that are there have no value for it. ` +
        `Make the field optional, or give it a default, which these rows then get too`,
    };
  }
  const has = fallback === undefined ? "" : `, which is ${fallback.text} in the rows that are there`;
  const clause = fallback === undefined ? "" : ` DEFAULT ${fallback.sql}`;
  return {
    column: name,
    change: `${spec.name}: add column ${name} ${type}${has}`,
    alteration: `ADD COLUMN IF NOT EXISTS ${quoteName(name)} ${type}${clause} ${place}`,
  };
}

/** Whether the rows that are there already can do without: null, or an empty list or map, says "none". */
export function canBeAbsent({ nullable, type }: Column): boolean {
  if (type.kind === "tuple") return type.fields.every(canBeAbsent);
  return nullable || type.kind === "array" || type.kind === "map";
}

function changeProblem(
  table: string,
  actual: TableShape,
  name: string,
  is: string,
  says: string,
): string | undefined {
  const rebuild = `run \`headrace rebuild ${table} --offline\``;
  if (!widens(is, says)) {
    return (
      `${table}: column ${name} is ${is}, the declaration says ${says}, which can't hold all that it may hold now. ` +
      `Take the change back; add an optional field with another name; or ${rebuild}: every event is judged anew, and what doesn't fit is kept as rejected`
    );
  }
  if (!actual.keys.has(name)) return undefined;
  return (
    `${table}: column ${name} is ${is}, the declaration says ${says}, and rows are sorted, divided or dropped by it. ` +
    `Take the change back, or ${rebuild}`
  );
}

/** Columns that nothing declares any more and that aren't ours. */
function undeclared(actual: TableShape, expected: TableShape): string[] {
  return [...actual.columns.keys()].filter((name) => !expected.columns.has(name));
}

/** A column stays, so that nothing is lost and old batches of the log still fit; new rows have null there. */
function planUndeclared(spec: TableSpec, actual: TableShape, name: string): ColumnPlan {
  const is = actual.columns.get(name) ?? "";
  if (actual.kept.has(name)) return { column: name };
  const sorted = actual.sortKeys.has(name);
  const type = sorted ? is : nullableType(is);
  const becomes = type === is ? "" : ` as ${type}`;
  return {
    column: name,
    change: `${spec.name}: keep column ${name}${becomes}, though nothing declares it any more`,
    farewell: sorted
      ? `COMMENT COLUMN ${quoteName(name)} ${quoteText(KEPT_COLUMN)}`
      : `MODIFY COLUMN ${quoteName(name)} ${type} COMMENT ${quoteText(KEPT_COLUMN)}`,
  };
}

interface Rename {
  readonly from: string;
  readonly to: string;
  readonly type: string;
}

/** A column that goes while one of its type comes looks like a rename, which a table with both would silently break. */
function renamedColumns({ schema }: TableSpec, actual: TableShape, expected: TableShape): Rename[] {
  const gone = undeclared(actual, expected).filter(
    (name) => !actual.kept.has(name) && !actual.sortKeys.has(name),
  );
  const come = schema.columns.filter(({ name }) => !actual.columns.has(name)).map(({ name }) => name);
  return gone.flatMap((from) => {
    const type = actual.columns.get(from) ?? "";
    const to = come.find((name) => bareType(expected.columns.get(name) ?? "") === bareType(type));
    return to === undefined ? [] : [{ from, to, type }];
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
