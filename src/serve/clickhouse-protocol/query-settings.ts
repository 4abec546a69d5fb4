import type { QueryLimits } from "../../store/store.ts";
import { SECOND } from "../../units.ts";
import { CODES, refusal } from "./exceptions.ts";

/** What a request's settings come to. */
export interface QuerySettings {
  /** For the engine. */
  readonly engine: Readonly<Record<string, string | number>>;
  /** The server's own, or lower ones that the request asks for. */
  readonly limits: QueryLimits;
}

/** Time zones by their names, and UTC's own. */
const ZONES: ReadonlySet<string> = new Set([...Intl.supportedValuesOf("timeZone"), "UTC", "Etc/UTC", "GMT"]);

type Check = (value: string) => boolean;

const isFlag: Check = (value) => /^(?:0|1|true|false)$/i.test(value);
const isCount: Check = (value) => /^\d{1,15}$/.test(value);
const isSeconds: Check = (value) => /^\d{1,9}(?:\.\d{1,9})?$/.test(value);
/** Values go to the engine by themselves, never into SQL; the length is all there is to bound. */
const isText: Check = (value) => /^[^\p{Cc}]{0,64}$/u.test(value);
const isZone: Check = (value) => /^[A-Za-z0-9_+/-]{1,64}$/.test(value) && ZONES.has(value);
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value);

/** Settings that change how an answer is written or what SQL means, and can do no harm. */
const APPLIED: Readonly<Record<string, Check>> = {
  aggregate_functions_null_for_empty: isFlag,
  any_join_distinct_right_table_keys: isFlag,
  count_distinct_implementation: oneOf("uniq", "uniqCombined", "uniqCombined64", "uniqHLL12", "uniqExact"),
  data_type_default_nullable: isFlag,
  date_time_output_format: oneOf("simple", "iso", "unix_timestamp"),
  empty_result_for_aggregation_by_empty_set: isFlag,
  extremes: isFlag,
  format_csv_delimiter: (value) => /^[^"'\r\n]$/.test(value),
  format_csv_null_representation: isText,
  format_tsv_null_representation: isText,
  group_by_use_nulls: isFlag,
  limit: isCount,
  join_default_strictness: oneOf("ALL", "ANY", ""),
  join_use_nulls: isFlag,
  offset: isCount,
  prefer_column_name_to_alias: isFlag,
  result_overflow_mode: oneOf("throw", "break"),
  session_timezone: isZone,
  totals_mode: oneOf(
    "before_having",
    "after_having_exclusive",
    "after_having_inclusive",
    "after_having_auto",
  ),
  transform_null_in: isFlag,
  union_default_mode: oneOf("", "ALL", "DISTINCT"),
};

/** Output settings that take something else than a flag or a count. */
const OUTPUT_TEXTS: Readonly<Record<string, Check>> = {
  output_format_arrow_compression_method: oneOf("none", "lz4_frame", "zstd"),
  output_format_avro_codec: oneOf("null", "deflate", "snappy", "zstd"),
  output_format_bson_string_as_string: isFlag,
  output_format_orc_compression_method: oneOf("none", "lz4", "snappy", "zlib", "zstd"),
  output_format_parquet_compression_method: oneOf(
    "none",
    "snappy",
    "zstd",
    "lz4",
    "lz4_raw",
    "gzip",
    "brotli",
  ),
  output_format_parquet_version: oneOf("1.0", "2.4", "2.6", "2.latest"),
};

/** Those that would keep much in memory. */
const OUTPUT_REFUSED =
  /^output_format_(?:parquet_(?:row_group|batch|data_page|parallel|write_bloom|bloom)|orc_row|arrow_low_cardinality_as)/;

/** What the other output settings may be, by the engine's name for their type. */
const OUTPUT_TYPES: Readonly<Record<string, Check>> = { Bool: isFlag, UInt64: isCount };

/** What only concerns how a server works, or what it is told besides: taken and ignored. */
const IGNORED =
  /^(?:allow_(?:experimental|suspicious|statistics)_\w+|async_insert\w*|buffer_size|cancel_http_readonly_queries_on_client_close|cast_string_to_dynamic_use_inference|client_protocol_version|close_session|compile_\w+|connect_timeout\w*|date_time_input_format|distributed_\w+|enable_http_compression|http_\w+|input_format_\w+|insert_\w+|load_balancing|lock_acquire_timeout|log_\w+|max_block_size|max_query_size|max_threads|mutations_sync|network_compression_method|optimize_\w+|output_format_parallel_formatting|poll_interval|prefer_localhost_replica|priority|quota_key|readonly|receive_timeout|role|select_sequential_consistency|send_progress_in_http_headers|send_timeout|session_check|session_id|session_timeout|show_table_uuid_in_table_create_query_if_not_nil|stacktrace|timeout_before_checking_execution_speed|use_client_time_zone|use_query_cache|use_skip_indexes\w*|use_uncompressed_cache|wait_end_of_query|wait_for_async_insert\w*|workload)$/;

/**
 * The settings that a request may have: those that only change the answer are the engine's, limits may be made lower, what
 * concerns how a server works is ignored, and the rest is refused.
 * @throws HeadraceError for a setting that may not be changed here, or a value that it can't have.
 */
export function querySettings(
  asked: Readonly<Record<string, string>>,
  limits: QueryLimits,
  outputs: ReadonlyMap<string, string>,
): QuerySettings {
  const engine: Record<string, string | number> = {};
  let { time, memory, rows, bytes } = limits;
  for (const [name, value] of Object.entries(asked)) {
    if (LIMITS.has(name)) {
      const number = limitOf(name, value);
      if (number === 0) continue;
      if (name === "max_execution_time") time = Math.min(time, Math.max(1, number * SECOND));
      if (name === "max_memory_usage") memory = Math.min(memory, number);
      if (name === "max_result_rows") rows = Math.min(rows, number);
      if (name === "max_result_bytes") bytes = Math.min(bytes, number);
      continue;
    }
    const check = checkOf(name, outputs);
    if (check === undefined) {
      if (IGNORED.test(name)) continue;
      if (name.startsWith("output_format_") && !outputs.has(name)) {
        throw refusal(CODES.unknownSetting, `Unknown setting '${name.slice(0, 80)}'`);
      }
      throw refusal(
        CODES.readonly,
        `Cannot modify '${name.slice(0, 80)}' setting: it isn't one that may be changed here`,
      );
    }
    if (!check(value)) throw badValue(name, value);
    engine[name] = /^(?:true|false)$/i.test(value) ? Number(/^true$/i.test(value)) : value;
  }
  // An answer is cut short only where the request itself says after how many rows.
  if (engine["result_overflow_mode"] === "break" && rows === limits.rows)
    delete engine["result_overflow_mode"];
  return { engine, limits: { time, memory, rows, bytes } };
}

const LIMITS: ReadonlySet<string> = new Set([
  "max_execution_time",
  "max_memory_usage",
  "max_result_rows",
  "max_result_bytes",
]);

/** What concerns HTTP alone and clients look for before they use it. */
const OF_HTTP = [
  "cancel_http_readonly_queries_on_client_close",
  "enable_http_compression",
  "http_headers_progress_interval_ms",
  "send_progress_in_http_headers",
  "wait_end_of_query",
];

/** Names of settings that a request may set, for system.settings. */
export const SETTABLE: readonly string[] = [
  ...LIMITS,
  ...OF_HTTP,
  ...Object.keys(APPLIED),
  ...Object.keys(OUTPUT_TEXTS),
].sort();

function checkOf(name: string, outputs: ReadonlyMap<string, string>): Check | undefined {
  if (Object.hasOwn(APPLIED, name)) return APPLIED[name];
  if (Object.hasOwn(OUTPUT_TEXTS, name)) return OUTPUT_TEXTS[name];
  const type = outputs.get(name);
  if (type === undefined || OUTPUT_REFUSED.test(name) || IGNORED.test(name)) return undefined;
  return OUTPUT_TYPES[type];
}

function limitOf(name: string, value: string): number {
  if (!isSeconds(value) && !isCount(value)) throw badValue(name, value);
  return Number(value);
}

function badValue(name: string, value: string): Error {
  return refusal(CODES.badArguments, `The setting ${name} can't be '${value.slice(0, 80)}'`);
}
