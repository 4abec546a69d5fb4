import type { z } from "zod";
import { HeadraceError } from "../errors.ts";
import { DAY, HOUR, SECOND } from "../units.ts";
import { brandStream } from "./brands.ts";
import type { Stream, StreamId, TableOptions } from "./declarations.ts";
import { DURATION_SYNTAX, formatDuration, parseDuration } from "./durations.ts";
import { checkKeys } from "./known-keys.ts";
import { checkName } from "./names.ts";
import { didYouMean } from "./nearest-name.ts";
import { eventTypeOf, streamSchemaOf } from "./schema/stream-schema.ts";
import { isZodObject } from "./schema/zod-checks.ts";
import { readTableOptions } from "./table-options.ts";
import type { EventType, WireField } from "./wire-type.ts";

export const FRESHNESS_DEFAULT = 1 * SECOND;
/** Below this, batches are too small to be worth an insert. */
export const FRESHNESS_MIN = 50;
export const FRESHNESS_MAX = 1 * HOUR;
export const ID_WINDOW_DEFAULT = 1 * DAY;
export const ID_WINDOW_MIN = 1 * SECOND;
export const ID_WINDOW_MAX = 366 * DAY;

type FieldName<Schema extends z.ZodObject> = keyof z.output<Schema> & string;

/** What `defineStream` takes. */
export interface StreamOptions<Schema extends z.ZodObject> {
  /** One line for the documentation. Default "". */
  readonly description?: string;
  /** What one event looks like on the wire. Zod 4; docs/TYPES.md lists the types and their columns. */
  readonly schema: Schema;
  /**
   * The field that identifies an event: a required string, integer or UUID. A second event with the same id within the
   * window (default "1 day", at most 366 days) is counted as a duplicate and not stored. Default: no id.
   */
  readonly id?: FieldName<Schema> | { readonly field: FieldName<Schema>; readonly window?: string };
  /** The promise from accept to queryable, from "50 ms" to "1 hour". Default "1s". */
  readonly freshness?: string;
  readonly table: {
    /** The store's sort key: required fields, those that queries filter by first. */
    readonly orderBy: readonly FieldName<Schema>[];
    /** "day", "week", "month" or "year" of a required date or datetime, such as "month(date)". Default: one partition. */
    readonly partitionBy?: `${"day" | "week" | "month" | "year"}(${FieldName<Schema>})`;
    /** Drops rows when `column` (a required date or datetime) is older than `after`, such as "2 years". Default: never. */
    readonly ttl?: { readonly after: string; readonly column: FieldName<Schema> };
  };
}

/**
 * Declares a stream: a topic and the table that it lands in. Throws HeadraceError `project_invalid` or
 * `schema_unsupported` that names the stream, the field and the way out.
 */
export function defineStream<Schema extends z.ZodObject>(
  name: string,
  options: StreamOptions<Schema>,
): Stream<Schema> {
  checkName("stream", name);
  const invalid = (problem: string): HeadraceError =>
    new HeadraceError("project_invalid", `Stream "${name}": ${problem}`);
  checkKeys("", options, ["description", "schema", "id", "freshness", "table"], invalid);
  if (!isZodObject(options.schema)) throw invalid("`schema` must be a z.object({…}) of Zod 4");
  const event = eventTypeOf(options.schema, name);
  const id = readId(options.id, event, invalid);
  return brandStream({
    kind: "stream",
    name,
    description: options.description ?? "",
    zod: options.schema,
    schema: streamSchemaOf(event, id?.field),
    id,
    freshness: readDuration("freshness", options.freshness, {
      default: FRESHNESS_DEFAULT,
      min: FRESHNESS_MIN,
      max: FRESHNESS_MAX,
      invalid,
    }),
    table: tableOptions(options.table, event, invalid),
  });
}

type Invalid = (problem: string) => HeadraceError;

function readId(
  option: string | { readonly field: string; readonly window?: string } | undefined,
  event: EventType,
  invalid: Invalid,
): StreamId | undefined {
  if (option === undefined) return undefined;
  const { field: name, window, ...others } = typeof option === "string" ? { field: option } : option;
  checkKeys("id.", others, ["field", "window"], invalid);
  const field = event.fields.find((each) => each.name === name);
  if (field === undefined) throw invalid(unknownField("id", name, event));
  if (!holdsId(field)) throw invalid(`id: field "${name}" must be a string, an integer or a UUID`);
  if (field.optional) {
    throw invalid(`id: field "${name}" must be required, without .optional(), .nullable() or .default()`);
  }
  return {
    field: name,
    window: readDuration("id.window", window, {
      default: ID_WINDOW_DEFAULT,
      min: ID_WINDOW_MIN,
      max: ID_WINDOW_MAX,
      invalid,
    }),
  };
}

function holdsId(field: WireField): boolean {
  const { kind } = field.column.type;
  return kind === "string" || kind === "int" || kind === "uuid";
}

interface DurationRule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly invalid: Invalid;
}

function readDuration(what: string, text: unknown, rule: DurationRule): number {
  if (text === undefined) return rule.default;
  const duration = typeof text === "string" ? parseDuration(text) : undefined;
  if (duration === undefined) {
    throw rule.invalid(`${what}: ${JSON.stringify(text)} isn't a duration, ${DURATION_SYNTAX}`);
  }
  if (duration < rule.min || duration > rule.max) {
    const range = `from ${formatDuration(rule.min)} to ${formatDuration(rule.max)}`;
    throw rule.invalid(`${what}: ${JSON.stringify(text)} is out of range; it may be ${range}`);
  }
  return duration;
}

function tableOptions(
  options: Parameters<typeof readTableOptions>[0] | undefined,
  event: EventType,
  invalid: Invalid,
): TableOptions {
  if (typeof options !== "object" || options === null) {
    throw invalid('`table` is missing; give at least { orderBy: ["…"] }, the table\'s sort key');
  }
  return readTableOptions(options, event, invalid);
}

function unknownField(option: string, name: string, event: EventType): string {
  const names = event.fields.map((field) => field.name);
  return `${option}: there is no field "${name}"${didYouMean(name, names)}`;
}
