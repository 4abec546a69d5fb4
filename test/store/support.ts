import { TextColumn } from "../../src/store/text-column.ts";
import { createHash } from "node:crypto";
import type { Column, ColumnType, StreamSchema } from "../../src/project/column.ts";
import type { BoundSql, BoundValue } from "../../src/project/sql.ts";
import type { PlannedBatch, QueryLimits, ResultFormat, Store, TableSpec } from "../../src/store/store.ts";
import { GIB, MIB, SECOND } from "../../src/units.ts";

export const LIMITS: QueryLimits = { time: 10 * SECOND, memory: GIB, rows: 1_000_000, bytes: 256 * MIB };

export function column(name: string, type: ColumnType | ColumnType["kind"], nullable = false): Column {
  return { name, type: typeof type === "string" ? ({ kind: type } as ColumnType) : type, nullable };
}

export function schemaOf(columns: readonly Column[], idField?: string): StreamSchema {
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([columns, idField]))
    .digest("hex")
    .slice(0, 16);
  return { fingerprint, columns, ...(idField === undefined ? {} : { idField }) };
}

export function tableOf(name: string, columns: readonly Column[], more: Partial<TableSpec> = {}): TableSpec {
  const [first] = columns;
  return {
    name,
    description: `The table ${name}`,
    schema: schemaOf(columns),
    table: { orderBy: first === undefined ? [] : [first.name], partitionBy: undefined, ttl: undefined },
    ...more,
  };
}

/** Creates tables, and fails when one can't be. */
export async function create(store: Store, ...tables: TableSpec[]): Promise<void> {
  const { refused } = await store.migrate(tables, { dryRun: false });
  if (refused.length > 0) throw new Error(refused.join("\n"));
}

export interface BatchOptions {
  readonly log?: string;
  readonly partition?: number;
  /** Of the first row; the others follow. */
  readonly offset?: number;
  readonly offsets?: readonly number[];
  readonly acceptedAt?: number;
  readonly ids?: readonly string[];
}

/** A batch of rows; a string is taken as the JSON text of one. */
export function batchOf(
  schema: StreamSchema,
  rows: readonly unknown[],
  options: BatchOptions = {},
): PlannedBatch {
  const lines = rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`);
  const offsets = options.offsets ?? rows.map((_, index) => (options.offset ?? 0) + index);
  return {
    log: options.log ?? "log-a",
    partition: options.partition ?? 0,
    schema,
    lines: [Buffer.from(lines.join(""))],
    count: rows.length,
    offsets: Float64Array.from(offsets),
    acceptedAt: new Float64Array(rows.length).fill(options.acceptedAt ?? Date.now()),
    ...(options.ids === undefined ? {} : { ids: TextColumn.of(options.ids) }),
  };
}

export function bound(text: string, params: Readonly<Record<string, BoundValue>> = {}): BoundSql {
  return { text, params };
}

export interface QueryOptions {
  readonly params?: Readonly<Record<string, BoundValue>>;
  readonly format?: ResultFormat;
  readonly limits?: Partial<QueryLimits>;
  readonly signal?: AbortSignal;
}

/** The answer of a query as text. */
export async function textOf(store: Store, text: string, options: QueryOptions = {}): Promise<string> {
  const { chunks } = await store.query({
    sql: bound(text, options.params),
    format: options.format ?? "ndjson",
    limits: { ...LIMITS, ...options.limits },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** The rows of a query, each parsed. */
export async function rowsOf(
  store: Store,
  text: string,
  options: QueryOptions = {},
): Promise<Record<string, unknown>[]> {
  const answer = await textOf(store, text, options);
  return answer
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What a promise was rejected with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; details: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; message: string; details: unknown };
  }
  throw new Error("it should have failed");
}
