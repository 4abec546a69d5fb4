import { isUtf8 } from "node:buffer";
import { HeadraceError } from "../../errors.ts";
import { didYouMean, nearestName } from "../../project/nearest-name.ts";
import type { EventType } from "../../project/wire-type.ts";
import { textFormOf, type TextForm } from "../text-to-json.ts";
import { CellReader } from "./cell-reader.ts";

/** A column of a CSV body. */
export interface CsvColumn {
  readonly name: string;
  /** `"name":` as it stands in the event's JSON. */
  readonly label: Buffer;
  readonly form: TextForm;
}

/** Longer header rows are no header rows: a file without any may be one long line. Bytes. */
const HEADER_BYTES_MAX = 1024 * 1024;
/** Characters of a column's name that a message shows. */
const SHOWN_MAX = 80;

/**
 * Reads the header row: each column is a field of the stream, once, also where unknown fields of JSON are dropped: a
 * misspelt name would empty a whole column. Fields without a column are absent from every event.
 * @throws HeadraceError `csv_header_invalid`.
 */
export function readColumns(body: Buffer, start: number, end: number, type: EventType): CsvColumn[] {
  if (end - start > HEADER_BYTES_MAX) throw invalid(`it has more than ${HEADER_BYTES_MAX} bytes`);
  if (!isUtf8(body.subarray(start, end))) throw invalid("it isn't UTF-8");
  const fields = new Map(type.fields.map((field) => [field.name, field]));
  const columns = new Map<string, CsvColumn>();
  for (const name of readNames(body, start, end)) {
    if (name === "") throw invalid(`column ${columns.size + 1} has no name`);
    if (columns.has(name)) throw invalid(`column ${shown(name)} is there twice`, { header: name });
    const field = fields.get(name);
    if (field === undefined) throw unknownColumn(name, [...fields.keys()]);
    columns.set(name, {
      name,
      label: Buffer.from(`${JSON.stringify(name)}:`),
      form: textFormOf(field.type),
    });
  }
  return [...columns.values()];
}

function readNames(body: Buffer, start: number, end: number): string[] {
  const cells = new CellReader(body);
  const names: string[] = [];
  cells.begin(start, end);
  while (cells.next()) names.push(cells.text.toString("utf8", cells.start, cells.end));
  if (cells.fault !== undefined) throw invalid(`in column ${names.length + 1} there is ${cells.fault}`);
  return names;
}

function unknownColumn(name: string, fields: readonly string[]): HeadraceError {
  const nearest = nearestName(name, fields);
  const hint = /[;\t|]/.test(name) ? "; cells are separated by commas" : didYouMean(name, fields);
  return invalid(`the stream has no field ${shown(name)}${hint}`, {
    header: name.slice(0, SHOWN_MAX).toWellFormed(),
    ...(nearest === undefined ? {} : { nearest }),
  });
}

function shown(name: string): string {
  return JSON.stringify(name.length > SHOWN_MAX ? `${name.slice(0, SHOWN_MAX).toWellFormed()}…` : name);
}

function invalid(problem: string, details: Readonly<Record<string, unknown>> = {}): HeadraceError {
  return new HeadraceError("csv_header_invalid", `The CSV's header row doesn't fit: ${problem}`, { details });
}
