import { createHash } from "node:crypto";
import type { Column, StreamSchema } from "../project/column.ts";
import type { RowSelection, TableSpec } from "../store/store.ts";

/** The table of all streams' rejected events. No stream can have its name: theirs begin with a letter. */
export const REJECTED_TABLE = "_rejected";

const text = (name: string): Column => ({ name, type: { kind: "string" }, nullable: false });
const oneOf = (name: string, ...values: readonly string[]): Column => ({
  name,
  type: { kind: "enum", values },
  nullable: false,
});

/** The columns that `encodeRejected` fills. */
const COLUMNS: readonly Column[] = [
  text("stream"),
  /** The event as it came: text, or base64 when `encoding` says so. */
  text("event"),
  oneOf("encoding", "utf8", "base64"),
  /** The first error's code. */
  text("code"),
  /** All errors, as JSON text: a list of {path, code, message}. */
  text("errors"),
  oneOf("refused_by", "ingest", "store"),
];

export const REJECTED_SCHEMA: StreamSchema = {
  fingerprint: createHash("sha256").update(JSON.stringify(COLUMNS)).digest("hex").slice(0, 16),
  columns: COLUMNS,
};

/**
 * What the store has to have beside the streams' tables. Rows have the identity of their place in the log, which is
 * unique over all streams, since a log id belongs to one stream.
 */
export const rejectedTable: TableSpec = {
  name: REJECTED_TABLE,
  description: "Events that failed validation or that the store refused, with the reasons",
  schema: REJECTED_SCHEMA,
  table: { orderBy: ["stream"], partitionBy: undefined, ttl: undefined },
};

/** Rejected events of a stream for which a condition over its columns is true, as far as their fields can be read. */
export function rejectedWhere(stream: string, where: string): Pick<RowSelection, "equal" | "event"> {
  return { equal: { stream }, event: { column: "event", table: stream, where } };
}

/** Rejected events in which a text stands. The reasons quote the event. */
export function rejectedContaining(part: string): NonNullable<RowSelection["containing"]> {
  return { columns: ["event", "errors"], text: part };
}
