import { compactJson, floatJson } from "./json-walk.ts";

/** How a value of a type is written in an answer. */
export interface ValueWriter {
  /** The JSON of a value that isn't null, from the server's text. */
  json(text: string): string;
  /** The cell of a CSV. */
  csv(text: string): string;
  /** The JSON Schema of the JSON, null left out. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Object ids of PostgreSQL's own types, from its pg_type.dat: they never change. */
const OID = {
  bool: 16,
  char: 18,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
} as const;

/** What a modifier says of a numeric: (precision << 16 | scale) + 4. */
const MODIFIER_OFFSET = 4;
const UINT64_MODIFIER = (20 << 16) + MODIFIER_OFFSET;

/** The writer for a type, by its object id and modifier. What isn't known here is a text. */
export function writerFor(oid: number, modifier: number, element?: ValueWriter): ValueWriter {
  if (element !== undefined) return listWriter(element);
  switch (oid) {
    case OID.bool:
      return bare((text) => (text === "t" ? "true" : "false"), { type: "boolean" });
    case OID.int2:
      return bare(same, integer(16));
    case OID.int4:
      return bare(same, integer(32));
    case OID.oid:
      return bare(same, { type: "integer", minimum: 0 });
    case OID.int8:
      return { json: safeInteger, csv: same, schema: { type: ["integer", "string"], pattern: "^-?\\d+$" } };
    case OID.float4:
    case OID.float8:
      return {
        json: floatJson,
        csv: (text) => floatJson(text).replaceAll('"', ""),
        schema: { type: ["number", "string"], pattern: "^(nan|-?inf)$" },
      };
    case OID.numeric:
      return numericWriter(modifier);
    case OID.timestamptz:
      return quoted((text) => instant(text, modifier), { type: "string", format: "date-time" });
    case OID.timestamp:
      // Of no zone: it isn't an instant.
      return quoted((text) => text.replace(" ", "T"), { type: "string" });
    case OID.date:
      return quoted(same, { type: "string", format: "date" });
    case OID.uuid:
      return quoted(same, { type: "string", format: "uuid" });
    case OID.interval:
      return quoted(same, { type: "string", format: "duration" });
    case OID.json:
    case OID.jsonb:
      return { json: compactJson, csv: (text) => csvText(compactJson(text)), schema: {} };
    default:
      return quoted(same, { type: "string" });
  }
}

/** A numeric of 20 digits is an integer of 64 bits; of another declared size a decimal; one that was computed may be either. */
function numericWriter(modifier: number): ValueWriter {
  if (modifier === UINT64_MODIFIER) {
    return { json: safeInteger, csv: same, schema: { type: ["integer", "string"], pattern: "^-?\\d+$" } };
  }
  if (modifier >= MODIFIER_OFFSET) {
    return {
      json: (text) => `"${withoutZeros(text)}"`,
      csv: withoutZeros,
      schema: { type: "string", pattern: "^-?\\d+(\\.\\d+)?$" },
    };
  }
  return {
    json: (text) => (/^-?\d{1,16}$/.test(text) ? safeInteger(text) : `"${decimalText(text)}"`),
    csv: decimalText,
    schema: { type: ["integer", "string"], pattern: "^(-?\\d+(\\.\\d+)?|nan|-?inf)$" },
  };
}

function decimalText(text: string): string {
  if (/^-?\d/.test(text)) return withoutZeros(text);
  return floatJson(text).replaceAll('"', "");
}

/** "12.3400" is 12.34. */
function withoutZeros(text: string): string {
  if (!text.includes(".")) return text;
  let end = text.length;
  while (text.charAt(end - 1) === "0") end--;
  return text.slice(0, text.charAt(end - 1) === "." ? end - 1 : end);
}

/** An integer beyond 53 bits as a string. */
function safeInteger(text: string): string {
  return text.length < 16 || Number.isSafeInteger(Number(text)) ? text : `"${text}"`;
}

/**
 * "2001-02-03 04:05:06.7+00" as "2001-02-03T04:05:06.700Z", with the digits of the column; of a computed one with 3 or 6 when
 * there are any. Connections are in UTC. What isn't such a time (infinity, years before 1) is left as it is.
 */
function instant(text: string, modifier: number): string {
  const [, day, time, fraction = ""] =
    /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text) ?? [];
  if (day === undefined || time === undefined) return text;
  const digits = modifier >= 0 ? modifier : fraction === "" ? 0 : fraction.length > 3 ? 6 : 3;
  return `${day}T${time}${digits === 0 ? "" : `.${fraction.padEnd(digits, "0")}`}Z`;
}

function integer(bits: number): Readonly<Record<string, unknown>> {
  return { type: "integer", minimum: -(2 ** (bits - 1)), maximum: 2 ** (bits - 1) - 1 };
}

function same(text: string): string {
  return text;
}

function bare(write: (text: string) => string, schema: ValueWriter["schema"]): ValueWriter {
  return { json: write, csv: write, schema };
}

function quoted(write: (text: string) => string, schema: ValueWriter["schema"]): ValueWriter {
  return { json: (text) => JSON.stringify(write(text)), csv: (text) => csvText(write(text)), schema };
}

/** RFC 4180; always in quotes, so that an empty text isn't taken for nothing. */
export function csvText(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function listWriter(element: ValueWriter): ValueWriter {
  const json = (text: string): string => listJson(text, element);
  return {
    json,
    csv: (text) => csvText(json(text)),
    schema: { type: "array", items: orNull(element.schema) },
  };
}

export function orNull(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { type } = schema;
  if (type === undefined) return schema;
  return { ...schema, type: [...(Array.isArray(type) ? (type as string[]) : [type]), "null"] };
}

/** An array as the server writes it, {1,NULL,"a\"b"} or {{1},{2}}, perhaps with bounds before it, as JSON. */
function listJson(text: string, element: ValueWriter): string {
  let at = text.indexOf("{");
  const read = (): string => {
    const items: string[] = [];
    at++;
    while (text.charAt(at) !== "}") {
      if (text.charAt(at) === ",") at++;
      if (text.charAt(at) === "{") items.push(read());
      else items.push(readItem());
    }
    at++;
    return `[${items.join(",")}]`;
  };
  const readItem = (): string => {
    if (text.charAt(at) !== '"') {
      const start = at;
      while (text.charAt(at) !== "," && text.charAt(at) !== "}") at++;
      const item = text.slice(start, at);
      return item === "NULL" ? "null" : element.json(item);
    }
    let item = "";
    for (at++; text.charAt(at) !== '"'; at++) {
      if (text.charAt(at) === "\\") at++;
      item += text.charAt(at);
    }
    at++;
    return element.json(item);
  };
  return at === -1 ? "[]" : read();
}
