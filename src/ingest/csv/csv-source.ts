import { ERRORS_PER_EVENT_MAX, type EventError } from "../../project/event-validator.ts";
import { pointer } from "../../project/validate/json-node.ts";
import type { Conversion, EventSource, SourceContext } from "../event-source.ts";
import { JsonBuffer } from "../json-buffer.ts";
import { writeTextAsJson } from "../text-to-json.ts";
import { CellReader } from "./cell-reader.ts";
import { readColumns, type CsvColumn } from "./csv-columns.ts";
import { splitCsv } from "./split-csv.ts";

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;

/**
 * A CSV body with a header row as events: each row becomes a JSON object, whose values are what the fields' types want. A bare
 * empty cell is absent, a quoted one an empty string; arrays, records, objects and `json` fields are JSON in the cell.
 *
 * The header row is read with the first slice: `csv_header_invalid`. A row that can't become an object is a rejected event.
 */
export function csvSource(body: Buffer, { type, limits }: SourceContext): EventSource {
  const rows = new CsvRows(body, limits.eventBytesMax);
  return {
    splitter: splitCsv(body, { events: limits.eventsMax }, (start, end) => {
      rows.columns = readColumns(body, start, end, type);
    }),
    convert: (start, end) => rows.convert(start, end),
  };
}

/** Turns rows into JSON objects. */
class CsvRows {
  /** Those of the header row, which comes before all others. */
  columns: readonly CsvColumn[] = [];
  readonly #bytesMax: number;
  readonly #cells: CellReader;
  readonly #json = new JsonBuffer();

  constructor(body: Buffer, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#cells = new CellReader(body);
  }

  convert(start: number, end: number): Conversion {
    if (end - start > this.#bytesMax) {
      const message = `the row has ${end - start} bytes; at most ${this.#bytesMax} are taken`;
      return { errors: [{ path: "", code: "too_large", message }] };
    }
    const cells = this.#cells;
    const json = this.#json;
    const errors: EventError[] = [];
    let count = 0;
    json.clear();
    json.addByte(OPEN_BRACE);
    for (cells.begin(start, end); cells.next(); count++) {
      const column = this.columns[count];
      if (column !== undefined && !this.#addCell(column)) errors.push(notJson(column.name));
    }
    json.addByte(CLOSE_BRACE);
    if (cells.fault !== undefined) {
      const name = this.columns[count]?.name;
      const path = name === undefined ? "" : pointer([name]);
      return { errors: [invalidCsv(path, `there is ${cells.fault}`)] };
    }
    if (count !== this.columns.length) {
      const message = `the row has ${count} ${count === 1 ? "cell" : "cells"}, the header ${this.columns.length}`;
      return { errors: [invalidCsv("", message)] };
    }
    if (errors.length > 0) return { errors: errors.slice(0, ERRORS_PER_EVENT_MAX) };
    return { json: json.bytes, start: 0, end: json.length };
  }

  /** False when the cell must be JSON and isn't. */
  #addCell({ label, form }: CsvColumn): boolean {
    const { text, start, end, quoted } = this.#cells;
    if (start === end && !quoted) return true;
    if (this.#json.length > 1) this.#json.addByte(COMMA);
    this.#json.addBytes(label, 0, label.length);
    return writeTextAsJson(form, text, start, end, this.#json);
  }
}

function invalidCsv(path: string, message: string): EventError {
  return { path, code: "invalid_csv", message };
}

function notJson(name: string): EventError {
  return {
    path: pointer([name]),
    code: "invalid_json",
    message: "the cell isn't JSON, as this field needs it",
  };
}
