import type { HeadraceError } from "../errors.ts";
import type { TableOptions } from "./declarations.ts";
import { parseSpan, SPAN_SYNTAX } from "./durations.ts";
import { checkKeys } from "./known-keys.ts";
import { didYouMean } from "./nearest-name.ts";
import type { EventType, WireField } from "./wire-type.ts";

interface DeclaredTable {
  readonly orderBy: readonly string[];
  readonly partitionBy?: string;
  readonly ttl?: { readonly after: string; readonly column: string };
}

type Invalid = (problem: string) => HeadraceError;

/** Checks a stream's `table` against its fields. */
export function readTableOptions(table: DeclaredTable, event: EventType, invalid: Invalid): TableOptions {
  checkKeys("table.", table, ["orderBy", "partitionBy", "ttl"], invalid);
  return {
    orderBy: readOrderBy(table.orderBy, event, invalid),
    partitionBy: readPartitionBy(table.partitionBy, event, invalid),
    ttl: readTtl(table.ttl, event, invalid),
  };
}

/** Columns that can't be sorted by in a way that helps a query. */
const UNSORTABLE = new Set(["array", "map", "tuple", "json"]);

function readOrderBy(orderBy: unknown, event: EventType, invalid: Invalid): readonly string[] {
  if (!Array.isArray(orderBy) || orderBy.length === 0) {
    throw invalid("table.orderBy must list at least one field, the one that queries filter by most");
  }
  const names = orderBy.map((name) => {
    const field = requiredField("table.orderBy", name, event, invalid);
    if (UNSORTABLE.has(field.column.type.kind)) {
      throw invalid(
        `table.orderBy: field "${field.name}" can't be sorted by; use a field with a single value`,
      );
    }
    return field.name;
  });
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw invalid(`table.orderBy: field "${twice}" is there twice`);
  return names;
}

function readPartitionBy(
  text: string | undefined,
  event: EventType,
  invalid: Invalid,
): TableOptions["partitionBy"] {
  if (text === undefined) return undefined;
  const match = typeof text === "string" ? /^(day|week|month|year)\(([^()]+)\)$/.exec(text) : null;
  const [, unit, column] = match ?? [];
  if (unit === undefined || column === undefined) {
    throw invalid(
      `table.partitionBy: ${JSON.stringify(text)} must be day, week, month or year of one field, such as "month(date)"`,
    );
  }
  const field = timeField("table.partitionBy", column, event, invalid);
  return { unit: unit as "day" | "week" | "month" | "year", column: field.name };
}

function readTtl(ttl: DeclaredTable["ttl"], event: EventType, invalid: Invalid): TableOptions["ttl"] {
  if (ttl === undefined) return undefined;
  checkKeys("table.ttl.", ttl, ["after", "column"], invalid);
  const span = typeof ttl.after === "string" ? parseSpan(ttl.after) : undefined;
  if (span === undefined) {
    throw invalid(`table.ttl.after: ${JSON.stringify(ttl.after)} isn't a span of time, ${SPAN_SYNTAX}`);
  }
  const field = timeField("table.ttl.column", ttl.column, event, invalid);
  return { count: span.count, unit: span.unit, column: field.name };
}

function timeField(option: string, name: unknown, event: EventType, invalid: Invalid): WireField {
  const field = requiredField(option, name, event, invalid);
  const { kind } = field.column.type;
  if (kind !== "date" && kind !== "datetime") {
    throw invalid(`${option}: field "${field.name}" must be a z.iso.date() or z.iso.datetime()`);
  }
  return field;
}

function requiredField(option: string, name: unknown, event: EventType, invalid: Invalid): WireField {
  const field = event.fields.find((each) => each.name === name);
  if (field === undefined) {
    const names = event.fields.map((each) => each.name);
    throw invalid(`${option}: there is no field ${JSON.stringify(name)}${didYouMean(String(name), names)}`);
  }
  if (field.nullable) {
    throw invalid(
      `${option}: field "${field.name}" must be required; take .optional() and .nullable() away, or give it a .default()`,
    );
  }
  return field;
}
