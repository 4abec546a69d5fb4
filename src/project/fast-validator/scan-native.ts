import type { Column } from "../column.ts";
import type { WireType } from "../wire-type.ts";
import { NARROW_DATETIME_YEARS, NARROW_DATE_YEARS, scanDate, scanDatetime } from "./scan-datetime.ts";
import { scanEnum } from "./scan-enum.ts";
import { scanText } from "./scan-string.ts";
import { scanNothing, type Scan } from "./scan.ts";

/**
 * The scanner for a column of the engine's own type `native`, which may hold less than the wire type says. The types that are
 * known here are String, Enum, Date and DateTime; for any other the slow path decides.
 */
export function scanNative(type: WireType, column: Column, native: string): Scan {
  const name = /^(?:LowCardinality\(|Nullable\()*(\w+)/.exec(native)?.[1];
  if (type.kind === "string" && name === "String") return scanText(type);
  if (type.kind === "enum" && (name === "String" || holdsAll(column, type.values)))
    return scanEnum(type.values);
  if (type.kind === "date" && name === "Date") return scanDate(NARROW_DATE_YEARS);
  if (type.kind === "datetime" && name === "DateTime") return scanDatetime(type, NARROW_DATETIME_YEARS);
  return scanNothing;
}

function holdsAll(column: Column, values: readonly string[]): boolean {
  const { type } = column;
  return type.kind === "enum" && values.every((value) => type.values.includes(value));
}
