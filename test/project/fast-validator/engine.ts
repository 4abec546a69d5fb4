import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import type { Column, ColumnType } from "../../../src/project/column.ts";

/** The real engine, reading lines as the store does. */
export class Engine {
  readonly #folder: string;
  readonly #session: Session;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#session = new Session(join(folder, "data"));
  }

  static async open(): Promise<Engine> {
    return new Engine(await mkdtemp(join(tmpdir(), "headrace-fast-validator-")));
  }

  /** What the engine has stored of each line: a JSON array of the columns, as text. Throws when it refuses a line. */
  async load(columns: readonly Column[], lines: readonly (string | Buffer)[]): Promise<string[]> {
    const file = join(this.#folder, "lines");
    await writeFile(file, Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")])));
    const structure = structureOf(columns);
    const rows = this.#session.query(
      `SELECT * FROM file('${file}', 'JSONEachRow', '${structure.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}')
       SETTINGS date_time_input_format='best_effort', input_format_null_as_default=0,
         input_format_skip_unknown_fields=0, max_threads=1, input_format_parallel_parsing=0,
         output_format_json_quote_64bit_integers=1, output_format_json_quote_decimals=1,
         output_format_json_quote_denormals=1`,
      "JSONCompactEachRow",
    );
    return rows.split("\n").slice(0, -1);
  }

  async close(): Promise<void> {
    this.#session.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function columnType({ type, nullable, native }: Column): string {
  if (native !== undefined) {
    if (!nullable || native.includes("Nullable")) return native;
    return native
      .replace(/^LowCardinality\((.*)\)$/, "LowCardinality(Nullable($1))")
      .replace(/^(?!LowCard)(.*)$/, "Nullable($1)");
  }
  return engineType(type, nullable);
}

function engineType(type: ColumnType, nullable: boolean): string {
  if (type.kind === "array") return `Array(${engineType(type.element, type.nullable)})`;
  if (type.kind === "map") return `Map(String, ${engineType(type.value, type.nullable)})`;
  if (type.kind === "tuple") return `Tuple(${structureOf(type.fields)})`;
  if (type.kind === "enum") return `LowCardinality(${nullable ? "Nullable(String)" : "String"})`;
  return nullable ? `Nullable(${scalarType(type)})` : scalarType(type);
}

function scalarType(type: ColumnType): string {
  if (type.kind === "int") return `${type.signed ? "" : "U"}Int${type.bits}`;
  if (type.kind === "float") return `Float${type.bits}`;
  if (type.kind === "decimal") return `Decimal(${type.precision}, ${type.scale})`;
  if (type.kind === "datetime") return `DateTime64(${type.precision}, 'UTC')`;
  return NAMES.get(type.kind) ?? "String";
}

const NAMES = new Map<ColumnType["kind"], string>([
  ["boolean", "Bool"],
  ["date", "Date32"],
  ["uuid", "UUID"],
  ["ipv4", "IPv4"],
  ["ipv6", "IPv6"],
]);

function structureOf(columns: readonly Column[]): string {
  return columns.map((column) => `\`${column.name}\` ${columnType(column)}`).join(", ");
}
