import type { Column, ColumnType } from "../../project/column.ts";
import { createFieldReader } from "../../project/fast-validator/id-reader.ts";
import { nearestName } from "../../project/nearest-name.ts";
import { HeadraceError } from "../../errors.ts";

const PREFIX = "filter.";

/** A condition on one field of an event. */
export interface FieldFilter {
  readonly field: string;
  /** The value's text: of a string its characters, of anything else what stands in the JSON. */
  readonly text: string;
  /** Reads the value's text off a line; undefined when it is absent or null. */
  readonly read: (line: Buffer, start: number, end: number) => string | undefined;
}

/** Kinds of fields that aren't one value and so have no text to compare. */
const NESTED: ReadonlySet<ColumnType["kind"]> = new Set(["array", "map", "tuple", "json"]);

/** The `filter.<field>=<value>` of a query string, all of which an event must meet. Throws `bad_parameter`. */
export function parseFilters(
  query: Readonly<Record<string, unknown>>,
  columns: readonly Column[],
  countMax: number,
): readonly FieldFilter[] {
  const filters = Object.entries(query).filter(([name]) => name.startsWith(PREFIX));
  if (filters.length > countMax) {
    throw refused(PREFIX, `A tail takes ${countMax} filters, not ${filters.length}`);
  }
  return filters.map(([name, text]) => {
    const field = name.slice(PREFIX.length);
    const kind = filterable(name, field, columns);
    if (typeof text !== "string") throw refused(name, `${name} was given more than once`);
    // Equal UUIDs have equal text in lower case.
    const wanted = kind === "uuid" ? text.toLowerCase() : text;
    return { field, text: wanted, read: createFieldReader(field, kind) };
  });
}

export function isFilter(parameter: string): boolean {
  return parameter.startsWith(PREFIX);
}

function filterable(name: string, field: string, columns: readonly Column[]): ColumnType["kind"] {
  const column = columns.find((one) => one.name === field);
  if (column === undefined) {
    const nearest = nearestName(
      field,
      columns.map((one) => one.name),
    );
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    throw refused(name, `The stream has no field "${field.slice(0, 100)}"${hint}`);
  }
  const { kind } = column.type;
  if (NESTED.has(kind))
    throw refused(name, `"${field}" holds no single value (${kind}), so it can't be filtered by`);
  return kind;
}

function refused(parameter: string, message: string): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter } });
}
