import { isIP } from "node:net";
import type { ColumnType } from "../../project/column.ts";
import { formatDatetime, parseDate, parseDatetime } from "../../project/validate/datetime.ts";
import { exactNumber, plainText, wholeDigits } from "../../project/validate/exact-number.ts";
import { ValueProblem, type JsonCursor } from "./json-cursor.ts";

/** Digits of a number that surely fits 53 bits. */
const SAFE_DIGITS = 15;
/** More digits than any column has. */
const WHOLE_DIGITS_MAX = 400;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const PLAIN_INTEGER = /^-?\d+$/;
/** A datetime in UTC with up to 3 digits of a second, as most are. */
const UTC_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

type ScalarKind = Exclude<ColumnType["kind"], "array" | "map" | "tuple">;
export type ScalarType = Extract<ColumnType, { readonly kind: ScalarKind }>;

/**
 * The text of the value that is next, as PostgreSQL reads it into a column of this type. PostgreSQL is more lenient than
 * a declaration (it knows 'today', takes 'yes' for true and rounds what it can't keep), so the form is checked here;
 * what is left to it is the range.
 */
export function scalarText(type: ScalarType, cursor: JsonCursor): string {
  switch (type.kind) {
    case "string":
    case "enum":
      return plainString(cursor);
    case "json":
      return cursor.peek() === '"' ? plainString(cursor) : cursor.raw();
    case "boolean":
      return oneOf(wordOf(cursor), ["true", "false"]);
    case "int":
      return integerText(numberOrText(cursor));
    case "float":
      return numberText(wordOf(cursor));
    case "decimal":
      return decimalText(numberOrText(cursor), type.scale);
    case "date":
      return dateText(stringOf(cursor));
    case "datetime":
      return instantText(stringOf(cursor), type.precision);
    case "uuid": {
      const text = stringOf(cursor);
      if (!UUID.test(text)) throw notA("a UUID", text);
      return text;
    }
    case "ipv4":
    case "ipv6": {
      const text = stringOf(cursor);
      if (isIP(text) !== (type.kind === "ipv4" ? 4 : 6) || text.includes("%")) {
        throw notA(type.kind === "ipv4" ? "an IPv4 address" : "an IPv6 address", text);
      }
      return text;
    }
    default:
      return type satisfies never;
  }
}

function plainString(cursor: JsonCursor): string {
  const text = stringOf(cursor);
  if (text.includes("\0")) throw new ValueProblem("PostgreSQL's texts can't hold the character U+0000");
  return text;
}

function stringOf(cursor: JsonCursor): string {
  if (cursor.peek() !== '"') throw notA("a string", cursor.raw());
  return cursor.string();
}

function wordOf(cursor: JsonCursor): string {
  const first = cursor.peek();
  if (first === '"' || first === "{" || first === "[") throw notA("a plain value", cursor.raw());
  return cursor.word();
}

function numberOrText(cursor: JsonCursor): string {
  return cursor.peek() === '"' ? cursor.string() : wordOf(cursor);
}

function oneOf(text: string, values: readonly string[]): string {
  if (values.includes(text)) return text;
  throw notA(values.join(" or "), text);
}

function numberText(text: string): string {
  if (!NUMBER.test(text)) throw notA("a number", text);
  return text;
}

/** In plain digits: PostgreSQL reads no 5.0 or 5e0 as an integer. */
function integerText(text: string): string {
  if (PLAIN_INTEGER.test(text)) return text;
  const number = exactNumber(numberText(text));
  if (number.exponent < 0 || wholeDigits(number) > WHOLE_DIGITS_MAX) throw notA("an integer", text);
  return plainText(number);
}

/** PostgreSQL would round what is beyond the scale. */
function decimalText(text: string, scale: number): string {
  const number = exactNumber(numberText(text));
  if (number.digits !== "" && -number.exponent > scale) {
    throw new ValueProblem(`${text.slice(0, 80)} has more than ${scale} digits after the point`);
  }
  return text;
}

function dateText(text: string): string {
  if (parseDate(text) === undefined) throw notA("a date", text);
  return text;
}

function instantText(text: string, precision: number): string {
  if (precision >= 3 && UTC_TIME.test(text)) return text;
  const instant = parseDatetime(text);
  if (instant === undefined) throw notA("a datetime", text);
  if (instant.fraction.length > precision) {
    throw new ValueProblem(`${text} has more than ${precision} digits of a second`);
  }
  return `${formatDatetime(instant, instant.fraction.length)}Z`;
}

function notA(what: string, text: string): ValueProblem {
  return new ValueProblem(`${text.slice(0, 80)} isn't ${what}`);
}

/**
 * A value as it stands in a jsonb, which is how it is answered: integers as numbers up to 53 bits, else as text; decimals
 * and times as text. A float that looks like an integer of more gets a point, so that it isn't taken for one.
 */
export function scalarJson(type: ScalarType, cursor: JsonCursor): string {
  if (type.kind === "string" || type.kind === "enum") {
    if (cursor.peek() !== '"') throw notA("a string", cursor.raw());
    const start = cursor.at;
    const escaped = cursor.skipString();
    const raw = cursor.text.slice(start, cursor.at);
    if (escaped && raw.includes("\\u0000") && (JSON.parse(raw) as string).includes("\0")) {
      throw new ValueProblem("PostgreSQL's texts can't hold the character U+0000");
    }
    return raw;
  }
  const text = scalarText(type, cursor);
  switch (type.kind) {
    case "boolean":
      return text;
    case "int":
      return text.length <= SAFE_DIGITS || Number.isSafeInteger(Number(text))
        ? plainText(exactNumber(text))
        : `"${text}"`;
    case "float":
      return floatJson(type.bits === 32 ? Math.fround(Number(text)) : Number(text), text);
    case "decimal":
      return `"${plainText(exactNumber(text))}"`;
    case "datetime":
      return `"${datetimeJson(text, type.precision)}"`;
    case "uuid":
      return `"${text.toLowerCase()}"`;
    case "ipv6":
      return `"${canonicalIpv6(text)}"`;
    case "json":
    case "date":
    case "ipv4":
      return JSON.stringify(text);
    default:
      return type satisfies never;
  }
}

function floatJson(value: number, text: string): string {
  if (!Number.isFinite(value)) throw new ValueProblem(`${text.slice(0, 80)} is out of range`);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return `${BigInt(value)}.0`;
  return Number.isInteger(value) ? String(value) : text;
}

function datetimeJson(text: string, precision: number): string {
  const instant = parseDatetime(text);
  if (instant === undefined) throw notA("a datetime", text);
  return `${formatDatetime(instant, precision)}Z`;
}

/** As the URL standard writes it, which is the short form of RFC 5952; the last 32 bits of a mapped address as IPv4. */
function canonicalIpv6(text: string): string {
  const short = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return `::ffff:${[24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".")}`;
}
