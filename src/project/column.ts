/**
 * What a column holds, said without any one database's words: the store's adapters turn it into theirs.
 * `docs/TYPES.md` has the table from Zod type to column and back.
 */
export type ColumnType =
  | { readonly kind: "string" }
  /** One of a few strings; stored dictionary-encoded. */
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "boolean" }
  | { readonly kind: "int"; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: "float"; readonly bits: 32 | 64 }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number }
  | { readonly kind: "date" }
  /** An instant in UTC with `precision` digits of a second (0 to 9). */
  | { readonly kind: "datetime"; readonly precision: number }
  | { readonly kind: "uuid" }
  | { readonly kind: "ipv4" }
  | { readonly kind: "ipv6" }
  /** Any JSON value, kept as its text. */
  | { readonly kind: "json" }
  | { readonly kind: "array"; readonly element: ColumnType; readonly nullable: boolean }
  /** String keys to values of one type. */
  | { readonly kind: "map"; readonly value: ColumnType; readonly nullable: boolean }
  /** A nested object. */
  | { readonly kind: "tuple"; readonly fields: readonly Column[] };

/** One column of a stream's table, or one field of a nested object. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether null may be stored. False for arrays, maps and tuples, which engines can't make nullable. */
  readonly nullable: boolean;
  /** The engine's own type when the declaration gave one with `.meta({ column })`, e.g. "LowCardinality(String)". */
  readonly native?: string;
}

/**
 * What a batch was validated with, and so how it is loaded: it travels with the batches in the log, so that a batch
 * is read by the schema of its day even when the declaration has moved on.
 */
export interface StreamSchema {
  /** A hash of everything below, 16 hex digits. */
  readonly fingerprint: string;
  readonly columns: readonly Column[];
  /** The field whose value is the event's id, when the stream has one. */
  readonly idField?: string;
}

/** Columns that every table has beside the declared ones. */
export const SYSTEM_COLUMNS = {
  /** Which log the event came through: a log that lost its tail, or a new one, has another id. */
  log: "_log",
  partition: "_partition",
  offset: "_offset",
  /** When the event was accepted (UTC, milliseconds): the start of freshness. */
  acceptedAt: "_accepted_at",
} as const;
