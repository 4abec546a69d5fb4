import type { Column } from "../../project/column.ts";
import type { TableSpec } from "../store.ts";
import { defaultExpression } from "./default-expression.ts";
import { canBeAbsent } from "./plan-columns.ts";
import { quoteName } from "./quote.ts";
import type { TableShape } from "./read-tables.ts";
import { widens } from "./widening.ts";

/** How rows of a stream's old table become rows of its new one. */
export interface CopyColumns {
  /** Columns that the new table has narrower, or requires: then rows can't be copied. */
  readonly narrower: readonly string[];
  /** Columns of the new table, with the expression over the old one that gives their value. */
  readonly copied: readonly { readonly name: string; readonly value: string }[];
}

export function copyColumns(spec: TableSpec, old: TableShape, anew: TableShape): CopyColumns {
  const narrowed = [...anew.columns].flatMap(([name, type]) => {
    const was = old.columns.get(name);
    return was !== undefined && !widens(was, type) ? [name] : [];
  });
  // A column that the old table hasn't is filled as an added one is.
  const added = spec.schema.columns.filter(({ name }) => !old.columns.has(name));
  const defaults = new Map(added.map((column) => [column.name, defaultOf(spec, column)]));
  const required = added.filter((one) => defaults.get(one.name) === undefined && !canBeAbsent(one));
  return {
    narrower: [...narrowed, ...required.map(({ name }) => name)],
    copied: [...anew.columns.keys()]
      .filter((name) => old.columns.has(name) || defaults.get(name) !== undefined)
      .map((name) => ({ name, value: defaults.get(name) ?? quoteName(name) })),
  };
}

function defaultOf(spec: TableSpec, column: Column): string | undefined {
  return defaultExpression(column, spec.defaults?.get(column.name))?.sql;
}
