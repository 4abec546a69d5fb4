import type { WireType } from "../project/wire-type.ts";
import type { JsonBuffer } from "./json-buffer.ts";

/**
 * How text, of a CSV cell or an attribute of a CloudEvent, becomes the JSON value that a field wants. Nothing is changed
 * on the way: text that isn't what the field wants becomes a JSON string, for the validator to refuse with its usual reason.
 *
 * - `text`: always a JSON string;
 * - `number`: the characters as they are when they are a JSON number;
 * - `boolean`: `true` and `false`;
 * - `json`: the text is JSON itself: arrays, records, objects and any JSON.
 */
export type TextForm = "text" | "number" | "boolean" | "json";

export function textFormOf(type: WireType): TextForm {
  switch (type.kind) {
    case "slow":
      return textFormOf(type.type);
    case "int":
    case "float":
      return "number";
    case "decimal":
      // A decimal in a string is taken as a string only.
      return type.text === true ? "text" : "number";
    case "boolean":
      return "boolean";
    case "json":
    case "array":
    case "map":
    case "object":
      return "json";
    case "string":
    case "enum":
    case "date":
    case "datetime":
    case "uuid":
    case "ipv4":
    case "ipv6":
      break;
  }
  return "text";
}

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");

/**
 * Writes the JSON value for the text from `start` to before `end`. False, with nothing written, when the field takes JSON
 * and the text isn't: as a string it could be taken for what it wasn't meant as.
 */
export function writeTextAsJson(
  form: TextForm,
  text: Buffer,
  start: number,
  end: number,
  into: JsonBuffer,
): boolean {
  if (form === "json") {
    if (!isJson(text, start, end)) return false;
    into.addBytes(text, start, end);
  } else if (
    (form === "number" && isJsonNumber(text, start, end)) ||
    (form === "boolean" && (isWord(TRUE, text, start, end) || isWord(FALSE, text, start, end)))
  ) {
    into.addBytes(text, start, end);
  } else into.addString(text, start, end);
  return true;
}

function isJson(text: Buffer, start: number, end: number): boolean {
  try {
    JSON.parse(text.toString("utf8", start, end));
    return true;
  } catch {
    return false;
  }
}

function isWord(word: Buffer, text: Buffer, start: number, end: number): boolean {
  return end - start === word.length && text.compare(word, 0, word.length, start, end) === 0;
}

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const UPPER_E = 0x45;
const LOWER_E = 0x65;

/** Whether the text is a number as JSON writes it, whole: `-1.5e3`, not `+1`, `01`, `.5`, `1.` or ` 1`. */
export function isJsonNumber(text: Buffer, start: number, end: number): boolean {
  let at = text[start] === MINUS ? start + 1 : start;
  const whole = at;
  at = skipDigits(text, at, end);
  if (at === whole || (text[whole] === ZERO && at > whole + 1)) return false;
  if (at < end && text[at] === POINT) {
    const fraction = at + 1;
    at = skipDigits(text, fraction, end);
    if (at === fraction) return false;
  }
  if (at < end && (text[at] === LOWER_E || text[at] === UPPER_E)) {
    const sign = text[at + 1] === PLUS || text[at + 1] === MINUS;
    const exponent = sign ? at + 2 : at + 1;
    at = skipDigits(text, exponent, end);
    if (at === exponent) return false;
  }
  return at === end;
}

function skipDigits(text: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && (text[at] ?? 0) - ZERO >= 0 && (text[at] ?? 0) - ZERO <= 9) at++;
  return at;
}
