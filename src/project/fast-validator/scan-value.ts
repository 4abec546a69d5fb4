import type { WireField, WireType, WireValue } from "../wire-type.ts";
import { compileObject } from "./object-code.ts";
import type { OpenKeys } from "./open-keys.ts";
import { scanIpv4, scanIpv6, scanUuid } from "./scan-address.ts";
import { scanArray, scanMap } from "./scan-containers.ts";
import { scanDate, scanDatetime } from "./scan-datetime.ts";
import { scanEnum } from "./scan-enum.ts";
import { scanJsonText } from "./scan-json.ts";
import { scanDecimal, scanFloat, scanInteger } from "./scan-number.ts";
import { scanText } from "./scan-string.ts";
import { BYTE, scanBoolean, scanNothing, scanNull, type Scan } from "./scan.ts";

/** Where a value stands in its event. */
export interface ScanContext {
  readonly keys: OpenKeys;
  /** How many more arrays and objects may be opened here. */
  readonly nesting: number;
}

/** The scanner of an object with these fields, which is the event itself or a value in it. */
export function scanFields(fields: readonly WireField[], context: ScanContext): Scan {
  if (context.nesting === 0 || fields.length === 0) return scanNothing;
  const inner = { ...context, nesting: context.nesting - 1 };
  return compileObject(
    fields.map((field) => {
      // Absent or null loads as NULL; where NULL can't be, or isn't what is meant, the slow path fills something in.
      const mayBeNull = field.column.nullable && !field.hasDefault;
      return {
        name: field.name,
        required: !(field.optional && mayBeNull),
        nullable: field.nullable && mayBeNull,
        scan: scanType(field.type, inner),
      };
    }),
  );
}

function scanType(type: WireType, context: ScanContext): Scan {
  switch (type.kind) {
    case "string":
      return scanText(type);
    case "enum":
      return scanEnum(type.values);
    case "boolean":
      return scanBoolean;
    case "int":
      return scanInteger(type.min, type.max, type.text);
    case "float":
      return scanFloat(type.bits, type.min, type.max);
    case "decimal":
      return type.text === true ? scanNothing : scanDecimal(type.precision, type.scale);
    case "date":
      return type.narrow === true ? scanNothing : scanDate;
    case "datetime":
      return type.narrow === true ? scanNothing : scanDatetime(type);
    case "uuid":
      return scanUuid;
    case "ipv4":
      return scanIpv4;
    case "ipv6":
      return scanIpv6;
    case "array":
      return container(context, (inner) =>
        scanArray(scanElement(type.element, inner), type.min ?? 0, type.max ?? Infinity),
      );
    case "map":
      return container(context, (inner) => scanMap(scanElement(type.value, inner), inner.keys));
    case "object":
      return scanFields(type.fields, context);
    case "json":
      return scanJsonText(context.keys, context.nesting);
    case "slow":
      break;
  }
  return scanNothing;
}

/** A scanner of what opens a bracket, unless that would be one too many. */
function container(context: ScanContext, build: (inner: ScanContext) => Scan): Scan {
  return context.nesting === 0 ? scanNothing : build({ ...context, nesting: context.nesting - 1 });
}

function scanElement(value: WireValue, context: ScanContext): Scan {
  const scan = scanType(value.type, context);
  if (!value.nullable) return scan;
  return (body, at, end) => (body[at] === BYTE.n ? scanNull(body, at, end) : scan(body, at, end));
}
