import { SECOND } from "../../units.ts";

/** Settings for every session: what a result looks like must not depend on the machine or the engine's defaults. */
export const SESSION_SETTINGS = {
  session_timezone: "UTC",
  date_time_output_format: "iso",
  /** Long lists of parameters stand in the text; bytes. */
  max_query_size: 64 * 1024 * 1024,
  print_pretty_type_names: 0,
  async_insert: 0,
} as const;

/** For queries from outside. */
export const READ_SETTINGS = {
  ...SESSION_SETTINGS,
  result_overflow_mode: "throw",
  timeout_overflow_mode: "throw",
  // JsonRowWriter quotes those that need it.
  output_format_json_quote_64bit_integers: 0,
  // As numbers they would lose digits.
  output_format_json_quote_decimals: 1,
  // JSON has no number for them.
  output_format_json_quote_denormals: 1,
  output_format_json_named_tuples_as_objects: 1,
  output_format_json_escape_forward_slashes: 0,
  // A string may hold any bytes, JSON only UTF-8.
  output_format_json_validate_utf8: 1,
  // An empty cell is null, "" is an empty string.
  format_csv_null_representation: "",
  // What is gathered before it is written: rows and bytes. The engine's own million rows take hundreds of megabytes.
  output_format_parquet_row_group_size: 131_072,
  output_format_parquet_row_group_size_bytes: 32 * 1024 * 1024,
  output_format_parquet_compression_method: "zstd",
  // Encoding in parallel keeps several row groups in memory, and a few hundred megabytes of them; it is hardly faster.
  output_format_parquet_parallel_encoding: 0,
  // They wait in memory for the document's end, and serve only those who look up values in it.
  output_format_parquet_write_bloom_filter: 0,
  // Not every reader has a codec; HTTP has its own compression.
  output_format_arrow_compression_method: "none",
  // A value that has no type in Arrow is an error rather than bytes of the engine's own.
  output_format_arrow_unsupported_types_as_binary: 0,
} as const;

/** How the engine writes answers where nobody says otherwise: what clients of its own expect. */
export const RAW_SETTINGS = {
  session_timezone: "UTC",
  date_time_output_format: "simple",
  print_pretty_type_names: 0,
  async_insert: 0,
  result_overflow_mode: "throw",
  timeout_overflow_mode: "throw",
  output_format_parquet_row_group_size: READ_SETTINGS.output_format_parquet_row_group_size,
  output_format_parquet_row_group_size_bytes: READ_SETTINGS.output_format_parquet_row_group_size_bytes,
  output_format_parquet_parallel_encoding: 0,
  output_format_parquet_write_bloom_filter: 0,
} as const;

/** For SQL that anybody wrote: beside the limits, what its parser may use, and that nothing goes to the disk. */
const FENCE_ONLY_SETTINGS = {
  readonly: 1,
  /** Bytes; the text with all that stands around it. */
  max_query_size: 1024 * 1024,
  max_parser_depth: 300,
  max_parser_backtracks: 1_000_000,
  max_ast_depth: 1000,
  max_ast_elements: 20_000,
  max_expanded_ast_elements: 100_000,
  max_subquery_depth: 50,
  max_bytes_ratio_before_external_group_by: 0,
  max_bytes_ratio_before_external_sort: 0,
  allow_introspection_functions: 0,
  allow_hyperscan: 0,
  // Else anything that could be an expression becomes a SELECT, and its mistakes are those of another text.
  implicit_select: 0,
} as const;

export const FENCE_SETTINGS = { ...READ_SETTINGS, ...FENCE_ONLY_SETTINGS } as const;

/** What a fenced session has, whatever is asked of it. With settings of the query's own, answers are the engine's own too. */
export function fenceSettings(
  own: Readonly<Record<string, string | number>> | undefined,
): Readonly<Record<string, string | number>> {
  if (own === undefined) return FENCE_SETTINGS;
  return { ...RAW_SETTINGS, ...own, ...FENCE_ONLY_SETTINGS };
}

/** For inserts: one block and so one part for each partition, and no leniency. */
export const INSERT_SETTINGS = {
  ...SESSION_SETTINGS,
  max_threads: 1,
  max_insert_threads: 1,
  max_insert_block_size: 10_000_000,
  min_insert_block_size_rows: 10_000_000,
  min_insert_block_size_bytes: 4_000_000_000,
  // A batch may bring events of many months; its inserts are atomic for each.
  max_partitions_per_insert_block: 0,
  insert_deduplicate: 0,
  insert_null_as_default: 0,
  input_format_parallel_parsing: 0,
  input_format_skip_unknown_fields: 0,
  input_format_null_as_default: 0,
  input_format_json_ignore_unknown_keys_in_named_tuple: 0,
  input_format_json_read_objects_as_strings: 1,
  input_format_json_read_arrays_as_strings: 1,
  input_format_json_read_numbers_as_strings: 1,
  input_format_json_read_bools_as_strings: 1,
  date_time_input_format: "best_effort",
  // The quick way misreads one double in six by its last bit.
  precise_float_parsing: 1,
} as const;

/** What one query may use. Limits in milliseconds, bytes and rows. */
export function limitSettings(limits: {
  readonly time: number;
  readonly memory: number;
  readonly rows: number;
}): Record<string, number> {
  return {
    max_execution_time: limits.time / SECOND,
    max_memory_usage: wholeNumber(limits.memory),
    max_result_rows: wholeNumber(limits.rows),
  };
}

function wholeNumber(limit: number): number {
  return Math.min(Math.max(Math.floor(limit), 1), Number.MAX_SAFE_INTEGER);
}

/** Limits of the engine as a whole. */
export function serverSettings(memory: number): Record<string, string | number> {
  return {
    max_server_memory_usage: memory,
    mark_cache_size: Math.floor(memory / 16),
    // Merges share the cores with inserts and queries.
    background_pool_size: 4,
    background_schedule_pool_size: 8,
    background_fetches_pool_size: 1,
  };
}

export function settingArguments(settings: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
}
