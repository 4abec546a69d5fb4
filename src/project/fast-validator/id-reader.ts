import { HeadraceError } from "../../errors.ts";
import type { ColumnType } from "../column.ts";
import { BYTE, byteAt } from "./scan.ts";

/** Takes the text of an id, as UTF-8 or as a string. */
export interface IdTarget {
  addBytes(from: Buffer, start: number, end: number): void;
  addText(text: string): void;
}

/** Copies an event's id off its line. */
export type IdCopier = (line: Buffer, start: number, end: number, into: IdTarget) => void;

/**
 * Makes a copier of the id's text from stored lines, which are valid JSON objects with every key once. Strings come
 * unescaped, numbers as they are written, and with `kind` "uuid" everything in lower case, so that equal ids have equal
 * text. It throws `internal_error` for a line without an id, which validation has ruled out.
 */
export function createIdCopier(idField: string, kind: ColumnType["kind"] = "string"): IdCopier {
  const key = Buffer.from(JSON.stringify(idField));
  return (line, start, end, into) => {
    const at = findValue(line, start, end, idField, key);
    if (at < 0 || line[at] === BYTE.n) {
      throw new HeadraceError("internal_error", `A stored line has no "${idField}", which is its id`);
    }
    const after = skipValue(line, at, end);
    if (line[at] !== BYTE.quote) into.addBytes(line, at, after);
    else if (kind === "uuid" || hasEscape(line, at, after)) into.addText(textAt(line, at, after, kind));
    else into.addBytes(line, at + 1, after - 1);
  };
}

/** Makes a reader of the text of any field of one value, as an id's is; undefined when it is absent or null. */
export function createFieldReader(
  field: string,
  kind: ColumnType["kind"] = "string",
): (line: Buffer, start: number, end: number) => string | undefined {
  const key = Buffer.from(JSON.stringify(field));
  return (line, start, end) => {
    const at = findValue(line, start, end, field, key);
    if (at < 0 || line[at] === BYTE.n) return undefined;
    return textAt(line, at, skipValue(line, at, end), kind);
  };
}

/** The text of a value that isn't null. */
function textAt(line: Buffer, start: number, end: number, kind: ColumnType["kind"]): string {
  const text = line[start] === BYTE.quote ? stringIn(line, start, end) : line.toString("latin1", start, end);
  return kind === "uuid" ? text.toLowerCase() : text;
}

/** Where the value of the event's own field begins, or -1. */
function findValue(line: Buffer, start: number, end: number, field: string, key: Buffer): number {
  let at = skipSpace(line, start, end) + 1; // the brace
  for (;;) {
    at = skipSpace(line, at, end);
    if (at >= end || line[at] !== BYTE.quote) return -1;
    const keyStart = at;
    at = skipString(line, at, end);
    const found = isKey(line, keyStart, at, field, key);
    at = skipSpace(line, at, end) + 1; // the colon
    at = skipSpace(line, at, end);
    if (found) return at < end ? at : -1;
    at = skipSpace(line, skipValue(line, at, end), end) + 1; // the comma
  }
}

/** Whether the string there is the field's name, however it is escaped. */
function isKey(line: Buffer, start: number, end: number, field: string, key: Buffer): boolean {
  if (end - start === key.length && hasBytes(line, start, key)) return true;
  // Escapes only make a text longer.
  return end - start > key.length && hasEscape(line, start, end) && stringIn(line, start, end) === field;
}

/** Buffer.compare would take longer for the call than for the few bytes. */
function hasBytes(line: Buffer, start: number, wanted: Buffer): boolean {
  for (let index = 0; index < wanted.length; index++) if (line[start + index] !== wanted[index]) return false;
  return true;
}

/** The text of the string literal that these bytes are. */
function stringIn(line: Buffer, start: number, end: number): string {
  if (!hasEscape(line, start, end)) return line.toString("utf8", start + 1, end - 1);
  return String(JSON.parse(line.toString("utf8", start, end)));
}

function hasEscape(line: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (line[at] === BYTE.backslash) return true;
  }
  return false;
}

/** The place after the value that begins there. */
function skipValue(line: Buffer, start: number, end: number): number {
  let depth = 0;
  let at = start;
  while (at < end) {
    const byte = byteAt(line, at);
    if (byte === BYTE.quote) {
      at = skipString(line, at, end);
      if (depth === 0) return at;
    } else if (byte === BYTE.openBrace || byte === BYTE.openBracket) {
      depth++;
      at++;
    } else if (byte === BYTE.closeBrace || byte === BYTE.closeBracket) {
      if (depth === 0) return at; // of the object around a number or word
      at++;
      if (--depth === 0) return at;
    } else if (depth === 0 && (byte === BYTE.comma || isSpace(byte))) return at;
    else at++;
  }
  return at;
}

/** The place after the string that begins there. */
function skipString(line: Buffer, start: number, end: number): number {
  let at = start + 1;
  while (at < end && line[at] !== BYTE.quote) at += line[at] === BYTE.backslash ? 2 : 1;
  return at + 1;
}

function skipSpace(line: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(byteAt(line, at))) at++;
  return at;
}

function isSpace(byte: number): boolean {
  return byte === BYTE.space || byte === BYTE.tab || byte === BYTE.lineFeed || byte === BYTE.carriageReturn;
}
