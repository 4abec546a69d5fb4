import type { StandInTable } from "../../store/store.ts";
import type { Catalog, CatalogTable } from "./catalog.ts";
import { createTableText } from "./create-table-text.ts";
import { columnFacts } from "./column-facts.ts";
import { SETTABLE } from "./query-settings.ts";
import {
  DATABASE,
  NO_LIST,
  NO_NUMBER,
  NO_TEXT,
  viewOf,
  ZERO,
  type ViewColumn,
  type ViewRow,
} from "./view.ts";

const NO_ID = { is: "toUUID('00000000-0000-0000-0000-000000000000')" } as const;

/** Rows that `system.numbers` gives at most, where the engine's own has no end. */
const NUMBERS_MAX = 100_000_000;
const NUMBERS: StandInTable = {
  text: `SELECT number FROM numbers(${NUMBERS_MAX})`,
  params: {},
  columns: ["number"],
};

/**
 * The tables of ClickHouse's `system` that tools read, made of what is declared: by their lower-case names. Columns have
 * ClickHouse's names and types; those that would tell of the machine are empty.
 */
export function systemViews(catalog: Catalog, database: string): ReadonlyMap<string, StandInTable> {
  const view = (name: string, columns: readonly ViewColumn[], rows: readonly ViewRow[]) =>
    [`system.${name}`, viewOf(name, columns, rows, database)] as const;
  const { tables } = catalog;
  return new Map([
    view("databases", DATABASES, [[]]),
    view(
      "tables",
      TABLES,
      tables.map((table) => tableRow(table, database)),
    ),
    view("columns", COLUMNS, tables.flatMap(columnRows)),
    view(
      "functions",
      FUNCTIONS,
      catalog.functions.map((one) => [one.name, one.is_aggregate, one.case_insensitive, one.alias_to]),
    ),
    view(
      "data_type_families",
      TYPES,
      catalog.types.map((one) => [one.name, one.case_insensitive, one.alias_to]),
    ),
    view(
      "settings",
      SETTINGS,
      SETTABLE.map((name) => [name]),
    ),
    view("table_engines", [["name", "String"]], [["MergeTree"]]),
    view(
      "clusters",
      [
        ["cluster", "String"],
        ["host_name", "String"],
      ],
      [],
    ),
    view(
      "dictionaries",
      [
        ["database", "String"],
        ["name", "String"],
      ],
      [],
    ),
    view(
      "processes",
      [
        ["query_id", "String"],
        ["user", "String"],
        ["query", "String"],
      ],
      [],
    ),
    view(
      "macros",
      [
        ["macro", "String"],
        ["substitution", "String"],
      ],
      [],
    ),
    view("data_skipping_indices", SKIPPING, []),
    ["system.one", { text: "SELECT toUInt8(0) AS dummy", params: {}, columns: ["dummy"] }],
    ["system.numbers", NUMBERS],
    ["system.numbers_mt", NUMBERS],
  ]);
}

const DATABASES: readonly ViewColumn[] = [
  ["name", DATABASE],
  ["engine", { is: "'Atomic'" }],
  ["data_path", NO_TEXT],
  ["metadata_path", NO_TEXT],
  ["uuid", NO_ID],
  ["engine_full", { is: "'Atomic'" }],
  ["comment", NO_TEXT],
  ["is_external", ZERO],
];

const TABLES: readonly ViewColumn[] = [
  ["database", DATABASE],
  ["name", "String"],
  ["uuid", NO_ID],
  ["engine", { is: "'MergeTree'" }],
  ["is_temporary", ZERO],
  ["data_paths", NO_LIST],
  ["metadata_path", NO_TEXT],
  ["metadata_modification_time", { is: "toDateTime(0)" }],
  ["dependencies_database", NO_LIST],
  ["dependencies_table", NO_LIST],
  ["create_table_query", "String"],
  ["engine_full", "String"],
  ["as_select", NO_TEXT],
  ["partition_key", "String"],
  ["sorting_key", "String"],
  ["primary_key", "String"],
  ["sampling_key", NO_TEXT],
  ["storage_policy", NO_TEXT],
  ["total_rows", NO_NUMBER],
  ["total_bytes", NO_NUMBER],
  ["parts", NO_NUMBER],
  ["active_parts", NO_NUMBER],
  ["total_marks", NO_NUMBER],
  ["lifetime_rows", NO_NUMBER],
  ["lifetime_bytes", NO_NUMBER],
  ["comment", "String"],
  ["has_own_data", { is: "toUInt8(1)" }],
  ["loading_dependencies_database", NO_LIST],
  ["loading_dependencies_table", NO_LIST],
  ["loading_dependent_database", NO_LIST],
  ["loading_dependent_table", NO_LIST],
];

function tableRow(table: CatalogTable, database: string): ViewRow {
  const { engine, whole } = createTableText(table, database);
  const key = table.sortingKey.join(", ");
  return [table.name, whole, engine, table.partitionKey, key, key, table.comment];
}

const COLUMNS: readonly ViewColumn[] = [
  ["database", DATABASE],
  ["table", "String"],
  ["name", "String"],
  ["type", "String"],
  ["position", "UInt64"],
  ["default_kind", NO_TEXT],
  ["default_expression", NO_TEXT],
  ["data_compressed_bytes", { is: "toUInt64(0)" }],
  ["data_uncompressed_bytes", { is: "toUInt64(0)" }],
  ["marks_bytes", { is: "toUInt64(0)" }],
  ["comment", NO_TEXT],
  ["is_in_partition_key", "UInt8"],
  ["is_in_sorting_key", "UInt8"],
  ["is_in_primary_key", "UInt8"],
  ["is_in_sampling_key", ZERO],
  ["compression_codec", NO_TEXT],
  ["character_octet_length", "Nullable(UInt64)"],
  ["numeric_precision", "Nullable(UInt64)"],
  ["numeric_precision_radix", "Nullable(UInt64)"],
  ["numeric_scale", "Nullable(UInt64)"],
  ["datetime_precision", "Nullable(UInt64)"],
];

function columnRows({ name: table, columns, sortingKey, partitionKey }: CatalogTable): ViewRow[] {
  return columns.map(({ name, type }, index) => {
    const facts = columnFacts(type);
    const sorted = Number(sortingKey.includes(name));
    const partitioned = Number(partitionKey.endsWith(`(${name})`));
    const keys = [partitioned, sorted, sorted];
    return [
      table,
      name,
      type,
      index + 1,
      ...keys,
      facts.octets,
      facts.precision,
      facts.radix,
      facts.scale,
      facts.fraction,
    ];
  });
}

const FUNCTIONS: readonly ViewColumn[] = [
  ["name", "String"],
  ["is_aggregate", "UInt8"],
  ["case_insensitive", "UInt8"],
  ["alias_to", "String"],
  ["create_query", NO_TEXT],
  ["origin", { is: "'System'" }],
  ["description", NO_TEXT],
  ["syntax", NO_TEXT],
  ["arguments", NO_TEXT],
  ["parameters", NO_TEXT],
  ["returned_value", NO_TEXT],
  ["examples", NO_TEXT],
  ["introduced_in", NO_TEXT],
  ["categories", NO_TEXT],
];

const TYPES: readonly ViewColumn[] = [
  ["name", "String"],
  ["case_insensitive", "UInt8"],
  ["alias_to", "String"],
];

const SETTINGS: readonly ViewColumn[] = [
  ["name", "String"],
  ["value", NO_TEXT],
  ["changed", ZERO],
  ["description", NO_TEXT],
  ["min", { is: "CAST(NULL, 'Nullable(String)')" }],
  ["max", { is: "CAST(NULL, 'Nullable(String)')" }],
  ["readonly", ZERO],
  ["type", { is: "'String'" }],
  ["default", NO_TEXT],
  ["alias_for", NO_TEXT],
];

const SKIPPING: readonly ViewColumn[] = [
  ["database", "String"],
  ["table", "String"],
  ["name", "String"],
  ["type", "String"],
  ["expr", "String"],
  ["granularity", "UInt64"],
];
