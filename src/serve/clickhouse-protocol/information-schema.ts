import type { StandInTable } from "../../store/store.ts";
import type { Catalog } from "./catalog.ts";
import { columnFacts } from "./column-facts.ts";
import { DATABASE, NO_TEXT, viewOf, type ViewColumn, type ViewRow } from "./view.ts";

const NO_STRING = { is: "CAST(NULL, 'Nullable(String)')" } as const;

/** The views of the SQL standard, by their lower-case names. As in ClickHouse, columns have their names in both cases. */
export function informationSchema(catalog: Catalog, database: string): ReadonlyMap<string, StandInTable> {
  const view = (name: string, columns: readonly ViewColumn[], rows: readonly ViewRow[]) => {
    const { text, params, columns: lower } = viewOf(`information_${name}`, columns, rows, database);
    const upper = columns.map(([column]) => `${column} AS ${column.toUpperCase()}`);
    return [
      `information_schema.${name}`,
      {
        text: `SELECT *, ${upper.join(", ")} FROM (${text})`,
        params,
        columns: [...lower, ...lower.map((column) => column.toUpperCase())],
      },
    ] as const;
  };
  const columns = catalog.tables.flatMap((table) =>
    table.columns.map(({ name, type }, index): ViewRow => {
      const facts = columnFacts(type);
      const nullable = Number(/^(?:LowCardinality\()?Nullable\(/.test(type));
      const numbers = [facts.octets, facts.precision, facts.radix, facts.scale, facts.fraction];
      return [table.name, name, index + 1, nullable, type, ...numbers, type];
    }),
  );
  return new Map([
    view("schemata", SCHEMATA, [[]]),
    view(
      "tables",
      TABLES,
      catalog.tables.map(({ name, comment }) => [name, comment]),
    ),
    view("columns", COLUMNS, columns),
    view("views", VIEWS, []),
    view("key_column_usage", KEYS, []),
    view("referential_constraints", REFERENCES, []),
  ]);
}

const SCHEMATA: readonly ViewColumn[] = [
  ["catalog_name", DATABASE],
  ["schema_name", DATABASE],
  ["schema_owner", { is: "'default'" }],
  ["default_character_set_catalog", NO_STRING],
  ["default_character_set_schema", NO_STRING],
  ["default_character_set_name", NO_STRING],
  ["sql_path", NO_STRING],
];

const TABLES: readonly ViewColumn[] = [
  ["table_catalog", DATABASE],
  ["table_schema", DATABASE],
  ["table_name", "String"],
  ["table_type", { is: "'BASE TABLE'" }],
  ["table_rows", { is: "CAST(NULL, 'Nullable(UInt64)')" }],
  ["data_length", { is: "CAST(NULL, 'Nullable(UInt64)')" }],
  ["table_collation", { is: "CAST('utf8mb4_0900_ai_ci', 'Nullable(String)')" }],
  ["table_comment", "String"],
];

const COLUMNS: readonly ViewColumn[] = [
  ["table_catalog", DATABASE],
  ["table_schema", DATABASE],
  ["table_name", "String"],
  ["column_name", "String"],
  ["ordinal_position", "UInt64"],
  ["column_default", NO_TEXT],
  ["is_nullable", "UInt8"],
  ["data_type", "String"],
  ["character_maximum_length", { is: "CAST(NULL, 'Nullable(UInt64)')" }],
  ["character_octet_length", "Nullable(UInt64)"],
  ["numeric_precision", "Nullable(UInt64)"],
  ["numeric_precision_radix", "Nullable(UInt64)"],
  ["numeric_scale", "Nullable(UInt64)"],
  ["datetime_precision", "Nullable(UInt64)"],
  ["character_set_name", NO_STRING],
  ["collation_name", NO_STRING],
  ["column_comment", NO_TEXT],
  ["extra", NO_STRING],
  ["column_type", "String"],
];

const VIEWS: readonly ViewColumn[] = ["table_catalog", "table_schema", "table_name", "view_definition"].map(
  (name) => [name, "String"] as const,
);

const KEYS: readonly ViewColumn[] = [
  "constraint_catalog",
  "constraint_schema",
  "constraint_name",
  "table_catalog",
  "table_schema",
  "table_name",
  "column_name",
].map((name) => [name, "String"] as const);

const REFERENCES: readonly ViewColumn[] = [
  "constraint_catalog",
  "constraint_schema",
  "constraint_name",
  "unique_constraint_catalog",
  "unique_constraint_schema",
  "unique_constraint_name",
  "table_name",
].map((name) => [name, "String"] as const);
