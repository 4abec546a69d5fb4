import { setImmediate } from "node:timers/promises";
import { HeadraceError } from "../../errors.ts";
import type { Column } from "../../project/column.ts";
import type { PlannedBatch, Span } from "../store.ts";
import type { TextColumn } from "../text-column.ts";
import { emptyJson, postgresType } from "./column-types.ts";
import { refusedEvent } from "./engine-errors.ts";
import { JsonCursor, ValueProblem } from "./json-cursor.ts";
import { eachMember, nestedJson } from "./nested-json.ts";
import { scalarText } from "./scalar-text.ts";

/** Rows encoded between two looks at the event loop: a few milliseconds. */
const ROWS_PER_TURN = 2_000;
/** Characters of one piece of the COPY. */
const CHUNK_LENGTH = 256 * 1024;

/** The rows of a batch in the text format of COPY. */
export interface CopyRows {
  readonly chunks: readonly Buffer[];
  readonly count: number;
  /** Values of the watched column. */
  readonly watched: ReadonlySet<string>;
  /** The index in the batch of the how manieth row of the COPY, counted from 1. */
  readonly rowOf: (line: number) => number | undefined;
}

export interface CopyRowsOptions {
  readonly table: string;
  /** Offsets to leave out. */
  readonly without: readonly Span[];
  /** A date or datetime column whose days are gathered. */
  readonly watch: string | undefined;
}

/**
 * Encodes the lines of a batch, each with its place in the log.
 * @throws HeadraceError `store_refused_events` for a line that PostgreSQL can't hold as it is declared, `store_failed` when
 * a line isn't one object.
 */
export async function copyRows(batch: PlannedBatch, options: CopyRowsOptions): Promise<CopyRows> {
  const encoder = new RowEncoder(batch.schema.columns, options);
  const pieces = new Pieces();
  const kept: number[] = [];
  let row = 0;
  const place = placeOf(batch);
  for (const bytes of batch.lines) {
    const text = bytes.toString("utf8");
    for (let start = 0; start < text.length; row++) {
      const end = text.indexOf("\n", start);
      if (row % ROWS_PER_TURN === ROWS_PER_TURN - 1) await setImmediate();
      if (!isWithin(options.without, batch.offsets[row] ?? 0)) {
        pieces.add(`${encoder.encode(text.slice(start, end), row)}${place(row)}`);
        kept.push(row);
      }
      start = end + 1;
    }
  }
  return {
    chunks: pieces.finish(),
    count: kept.length,
    watched: encoder.watched,
    rowOf: (line) => kept[line - 1],
  };
}

/** The ids of these rows, in the text format of COPY; `day` is when they are stored. */
export async function copyIds(
  batch: PlannedBatch,
  ids: TextColumn,
  rows: Pick<CopyRows, "count" | "rowOf">,
  day: string,
): Promise<readonly Buffer[]> {
  const pieces = new Pieces();
  const log = copyEscape(batch.log);
  for (let line = 1; line <= rows.count; line++) {
    if (line % ROWS_PER_TURN === 0) await setImmediate();
    const row = rows.rowOf(line) ?? 0;
    const time = new Date(batch.acceptedAt[row] ?? 0).toISOString();
    pieces.add(`${copyEscape(ids.at(row))}\t${log}\t${batch.offsets[row] ?? 0}\t${time}\t${day}\n`);
  }
  return pieces.finish();
}

/** Puts rows together to pieces that are sent at once. */
class Pieces {
  readonly #done: Buffer[] = [];
  #rows: string[] = [];
  #length = 0;

  add(row: string): void {
    this.#rows.push(row);
    this.#length += row.length;
    if (this.#length >= CHUNK_LENGTH) this.#flush();
  }

  finish(): readonly Buffer[] {
    this.#flush();
    return this.#done;
  }

  #flush(): void {
    if (this.#rows.length === 0) return;
    this.#done.push(Buffer.from(this.#rows.join("")));
    [this.#rows, this.#length] = [[], 0];
  }
}

/** The names of the columns in the order of the values. */
export function copyColumns(columns: readonly Column[]): readonly string[] {
  return columns.map(({ name }) => name);
}

class RowEncoder {
  /** The days of the watched column, as "yyyy-mm-dd". */
  readonly watched = new Set<string>();
  readonly #options: CopyRowsOptions;
  readonly #columns: readonly (Column & { readonly index: number; readonly isJson: boolean })[];
  readonly #byName: ReadonlyMap<string, number>;
  /** What stands there when a line doesn't say. */
  readonly #absent: readonly string[];

  constructor(columns: readonly Column[], options: CopyRowsOptions) {
    this.#options = options;
    this.#columns = columns.map((column, index) => ({
      ...column,
      index,
      isJson: postgresType(column.type) === "jsonb",
    }));
    this.#byName = new Map(columns.map(({ name }, index) => [name, index]));
    this.#absent = columns.map(({ type }) => copyEscape(emptyJson(type)));
  }

  /** The values of a line, each with a tab behind it. */
  encode(line: string, row: number): string {
    const cursor = new JsonCursor(line);
    const values = [...this.#absent];
    try {
      eachMember(cursor, (name) => {
        const index = this.#byName.get(name);
        const column = index === undefined ? undefined : this.#columns[index];
        if (index === undefined || column === undefined) {
          throw new ValueProblem(`The table has no column ${name.slice(0, 80)}`);
        }
        values[index] = this.#value(column, cursor);
      });
    } catch (error) {
      if (!(error instanceof ValueProblem) && !(error instanceof SyntaxError)) throw error;
      throw refusedEvent(this.#options.table, error.message, row, error);
    }
    if (cursor.peek() !== "") {
      throw new HeadraceError(
        "store_failed",
        `A line of a batch for ${this.#options.table} isn't one object`,
      );
    }
    return values.length === 0 ? "" : `${values.join("\t")}\t`;
  }

  #value(column: Column & { readonly isJson: boolean }, cursor: JsonCursor): string {
    const { type, name } = column;
    if (cursor.peek() === "n") {
      cursor.word();
      return NULL;
    }
    try {
      if (type.kind === "array" || type.kind === "map" || type.kind === "tuple") {
        return copyEscape(nestedJson(type, false, cursor));
      }
      const text = scalarText(type, cursor);
      if (name === this.#options.watch) this.watched.add(dayOf(text));
      return copyEscape(text);
    } catch (error) {
      if (!(error instanceof ValueProblem)) throw error;
      throw new ValueProblem(`${name}: ${error.message}`, name);
    }
  }
}

/** Of a date, or of a datetime in UTC. */
function dayOf(text: string): string {
  return text.slice(0, 10);
}

const NULL = "\\N";
// oxlint-disable-next-line no-control-regex -- control characters are what is escaped
const ESCAPED = /[\\\n\r\t\b\f\v]/;
// oxlint-disable-next-line no-control-regex -- the same
const ESCAPED_ALL = /[\\\n\r\t\b\f\v]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
  "\v": "\\v",
};

/** A value in COPY's text format; undefined is NULL. */
export function copyEscape(text: string | undefined): string {
  if (text === undefined) return NULL;
  return ESCAPED.test(text) ? text.replaceAll(ESCAPED_ALL, (one) => ESCAPES[one] ?? one) : text;
}

/** What stands at the end of each row: log, partition, offset and accept time. */
function placeOf(batch: PlannedBatch): (row: number) => string {
  const origin = `${copyEscape(batch.log)}\t${batch.partition}\t`;
  let [time, text] = [Number.NaN, ""];
  return (row) => {
    const acceptedAt = batch.acceptedAt[row] ?? 0;
    if (acceptedAt !== time) [time, text] = [acceptedAt, new Date(acceptedAt).toISOString()];
    return `${origin}${batch.offsets[row] ?? 0}\t${text}\n`;
  };
}

function isWithin(spans: readonly Span[], offset: number): boolean {
  return spans.some(({ from, to }) => offset >= from && offset < to);
}
