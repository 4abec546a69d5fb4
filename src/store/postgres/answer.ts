import { HeadraceError } from "../../errors.ts";
import { KIB } from "../../units.ts";
import type { QueryLimits, QueryStatistics, ResultColumn } from "../store.ts";
import type { Field, RowConsumer } from "./protocol.ts";
import type { AnswerColumn } from "./result-types.ts";
import { csvText } from "./value-json.ts";

/** Characters of one piece of an answer. */
const CHUNK_LENGTH = 64 * KIB;
/** Pieces that wait for the reader before the server has to wait. */
const WAITING_MAX = 4;

export interface AnswerSource {
  /** The server has to wait, or may go on. */
  pause(): void;
  resume(): void;
  /** The columns of these fields; they must be known. */
  columns(fields: readonly Field[]): readonly AnswerColumn[];
  /** What an error means to the caller. */
  failure(error: unknown): HeadraceError;
  /** The answer is over: all rows were there, or it failed, or its reader left. Called once. */
  over(how: "whole" | "failed"): void;
}

/** Takes rows from the server and gives them as pieces of the asked format, no faster than they are read. */
export class Answer implements RowConsumer, AsyncIterableIterator<Uint8Array, undefined> {
  readonly #format: "ndjson" | "csv";
  readonly #limits: QueryLimits;
  readonly #source: AnswerSource;
  readonly #started = performance.now();
  #columns: readonly AnswerColumn[] = [];
  #keys: readonly string[] = [];
  #rows = 0;
  #bytes = 0;
  #text = "";
  readonly #ready: Buffer[] = [];
  #error: HeadraceError | undefined;
  #isOver = false;
  #elapsed = 0;
  #wake: (() => void) | undefined;

  constructor(format: "ndjson" | "csv", limits: QueryLimits, source: AnswerSource) {
    this.#format = format;
    this.#limits = limits;
    this.#source = source;
  }

  fields(fields: readonly Field[]): void {
    if (this.#isOver) return;
    this.#columns = this.#source.columns(fields);
    this.#keys = this.#columns.map(
      ({ column }, index) => `${index === 0 ? "{" : ","}${JSON.stringify(column.name)}:`,
    );
    if (this.#format === "csv") {
      this.#text = `${this.#columns.map(({ column }) => csvText(column.name)).join(",")}\n`;
    }
  }

  row(values: readonly (string | null)[]): void {
    if (this.#isOver) return;
    if (++this.#rows > this.#limits.rows) {
      this.fail(new HeadraceError("query_too_large", `The answer has more than ${this.#limits.rows} rows`));
      return;
    }
    this.#text += this.#format === "csv" ? this.#csvRow(values) : this.#jsonRow(values);
    if (this.#text.length >= CHUNK_LENGTH) this.#flush();
  }

  end(hasRows: boolean): void {
    if (this.#isOver) return;
    if (!hasRows) {
      this.fail(new HeadraceError("query_failed", "The SQL isn't a SELECT: it gives no rows"));
      return;
    }
    this.#flush();
    // The last piece may have been one too many.
    if (this.#error === undefined) this.#finish("whole");
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#error = this.#source.failure(error);
    this.#text = "";
    this.#ready.length = 0;
    this.#finish("failed");
  }

  /** Waits for the first piece or the end: an error before it can still be answered properly. */
  async begin(): Promise<void> {
    while (this.#ready.length === 0 && !this.#isOver) await this.#more();
    if (this.#error !== undefined) throw this.#error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      const value = this.#ready.shift();
      if (value !== undefined) {
        if (this.#ready.length === 0) this.#source.resume();
        return { done: false, value };
      }
      if (this.#isOver) return { done: true, value: undefined };
      await this.#more();
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#ready.length = 0;
    if (!this.#isOver) this.#finish("failed");
    return { done: true, value: undefined };
  }

  columns(): readonly ResultColumn[] {
    return this.#columns.map(({ column }) => column);
  }

  statistics(): QueryStatistics {
    // PostgreSQL doesn't say what a query read.
    return { elapsed: this.#elapsed, rowsRead: 0, bytesRead: 0, rows: this.#rows };
  }

  #jsonRow(values: readonly (string | null)[]): string {
    let row = "";
    for (const [index, { writer }] of this.#columns.entries()) {
      const value = values[index];
      row += this.#keys[index] + (value === null || value === undefined ? "null" : writer.json(value));
    }
    return row === "" ? "{}\n" : `${row}}\n`;
  }

  #csvRow(values: readonly (string | null)[]): string {
    let row = "";
    for (const [index, { writer }] of this.#columns.entries()) {
      const value = values[index];
      row += (index === 0 ? "" : ",") + (value === null || value === undefined ? "" : writer.csv(value));
    }
    return `${row}\n`;
  }

  #flush(): void {
    if (this.#text === "") return;
    const piece = Buffer.from(this.#text);
    this.#text = "";
    this.#bytes += piece.length;
    if (this.#bytes > this.#limits.bytes) {
      this.fail(new HeadraceError("query_too_large", `The answer has more than ${this.#limits.bytes} bytes`));
      return;
    }
    this.#ready.push(piece);
    if (this.#ready.length >= WAITING_MAX) this.#source.pause();
    this.#wake?.();
  }

  #finish(how: "whole" | "failed"): void {
    this.#isOver = true;
    this.#elapsed = (performance.now() - this.#started) / 1000;
    this.#source.over(how);
    this.#wake?.();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
