import { parquetSchema, type FileMetaData, type ParquetParsers } from "hyparquet";
import { HeadraceError } from "../../errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** JSON text that was in the file as such. */
class JsonText {
  readonly text: string;
  constructor(text: string) {
    // A newline would end the event; between tokens a space says the same, and in a string JSON.parse refuses it.
    JSON.parse(text);
    this.text = text.replaceAll(/[\r\n]/g, " ");
  }
}

/** How hyparquet turns stored values into ours: texts in ISO 8601 for times, and nothing that loses digits. */
export const PARQUET_PARSERS: ParquetParsers = {
  timestampFromMilliseconds: (value: unknown) => timestampText(value, 1_000n, 3),
  timestampFromMicroseconds: (value: unknown) => timestampText(value, 1_000_000n, 6),
  timestampFromNanoseconds: (value: unknown) => timestampText(value, 1_000_000_000n, 9),
  dateFromDays: (days: unknown) =>
    typeof days === "number" ? new Date(days * 86_400_000).toISOString().slice(0, 10) : days,
  stringFromBytes: (bytes: unknown) => (bytes instanceof Uint8Array ? utf8.decode(bytes) : bytes),
  jsonFromBytes: (bytes: unknown) => (bytes instanceof Uint8Array ? new JsonText(utf8.decode(bytes)) : bytes),
  geometryFromBytes: refuseGeometry,
  geographyFromBytes: refuseGeometry,
  uuidFromBytes: (bytes: unknown) =>
    bytes instanceof Uint8Array
      ? Buffer.from(bytes)
          .toString("hex")
          .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
      : bytes,
};

/** hyparquet gives decimals as rounded floats; without their mark it gives the stored integers, which are exact. */
export function rawDecimals(metadata: FileMetaData): {
  readonly raw: FileMetaData;
  /** Digits after the point of each decimal column. */
  readonly scales: ReadonlyMap<string, number>;
} {
  const scales = new Map<string, number>();
  const columns = new Set(parquetSchema(metadata).children.map((child) => child.element));
  const schema = metadata.schema.map((element) => {
    if (element.converted_type !== "DECIMAL" && element.logical_type?.type !== "DECIMAL") return element;
    if (!columns.has(element)) {
      throw new HeadraceError("input_unreadable", `"${element.name}" is a decimal inside a nested column`);
    }
    scales.set(element.name, element.scale ?? 0);
    const { converted_type: _converted, logical_type: _logical, ...rest } = element;
    return rest;
  });
  return { raw: { ...metadata, schema }, scales };
}

/** Writes one column's values as JSON. */
export function columnEncoder(column: string, scale: number | undefined): (value: unknown) => string {
  const encode = scale === undefined ? jsonText : (value: unknown) => decimalText(value, scale);
  return (value) => {
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "bigint" && scale === undefined) return value.toString();
    try {
      return encode(value);
    } catch (error) {
      throw new HeadraceError("input_unreadable", `column "${column}": ${String(error)}`, { cause: error });
    }
  };
}

function jsonText(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "bigint") return value.toString();
  // JSON has no NaN; as a string it is rejected with its reason, where null would pass as an absent value.
  if (typeof value === "number" && !Number.isFinite(value)) return `"${value}"`;
  if (typeof value !== "object") return JSON.stringify(value);
  if (value instanceof JsonText) return value.text;
  if (value instanceof Uint8Array) return JSON.stringify(utf8.decode(value));
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`,
  );
  return `{${members.join(",")}}`;
}

/** A decimal's stored integer (a number, or bytes in two's complement, big-endian) with its point. */
function decimalText(value: unknown, scale: number): string {
  const unscaled = value instanceof Uint8Array ? signedInteger(value) : BigInt(Number(value));
  return placePoint(typeof value === "bigint" ? value : unscaled, scale);
}

function signedInteger(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes).toString("hex");
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex === "" ? "0" : hex}`));
}

function placePoint(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale === 0 ? "" : `.${digits.slice(-scale)}`;
  return `${unscaled < 0n ? "-" : ""}${whole}${fraction}`;
}

/** "2001-01-01T00:01:00Z", with as many digits of a second as the value has. */
function timestampText(value: unknown, perSecond: bigint, digits: number): unknown {
  if (typeof value !== "bigint" && typeof value !== "number") return value;
  const count = BigInt(value);
  const fraction = ((count % perSecond) + perSecond) % perSecond;
  const seconds = Number((count - fraction) / perSecond);
  const text = new Date(seconds * 1_000).toISOString().slice(0, -5);
  const fractionText = fraction.toString().padStart(digits, "0").replace(/0+$/, "");
  return `${text}${fractionText === "" ? "" : `.${fractionText}`}Z`;
}

function refuseGeometry(): never {
  throw new Error("geometry columns aren't supported; convert them to text first");
}
