import type { ColumnType } from "../../src/project/column.ts";
import type { ResultColumn } from "../../src/store/store.ts";

/** What of the contract's SQL and answers differs between engines. */
export interface StoreWords {
  quote(name: string): string;
  /** A table of the numbers from 0, in a column `number`. */
  series(count: number): string;
  text(expression: string): string;
  /** Whether a list of texts has one. */
  hasItem(list: string, item: string): string;
  /** A condition that is always true. */
  readonly yes: string;
  /** Milliseconds since 1970 of a time. */
  milliseconds(column: string): string;
  /** An expression that fails when the condition holds, with words of the message. */
  failsIf(condition: string): { readonly sql: string; readonly message: string };
  /** How an engine spells column types in a plan. */
  readonly types: Readonly<
    Record<"int32" | "int64" | "nullableInt32" | "nullableInt64" | "bool" | "string", string>
  >;
  /** Widenings of the contract that need no change of the table. */
  readonly silentWidenings: number;
  /** The columns `code` (a string), and `n` (a count). */
  readonly columns: Readonly<Record<"code" | "n" | "text", Omit<ResultColumn, "name">>>;
  /** The engine says what a query read. */
  readonly tellsRead: boolean;
  /** A text may hold U+0000. */
  readonly holdsNul: boolean;
  /** Lists of lists of different lengths can be bound. */
  readonly bindsJagged: boolean;
  /** The most digits of a second that a column keeps. */
  readonly secondDigitsMax: number;
  /** A datetime that validation might let pass and the engine refuses. */
  readonly badInstant: { readonly type: ColumnType; readonly value: string };
  /** Rows that are more than the engine writes at once. */
  readonly manyRows: number;
  /** What the message of a refused row says. */
  readonly refusal: RegExp;
  /** Statements that aren't a query that can run. */
  readonly badStatements: readonly (readonly [string, string])[];
  /** Computes until it is stopped, and gives rows for ever. */
  readonly endless: { readonly computing: string; readonly rows: string };
  /** How many of these run. */
  readonly running: string;
  /** A query that needs more than 100 MiB of memory; undefined when the engine can't limit that. */
  readonly hungry: string | undefined;
  /** An id that is hard to quote. */
  readonly oddId: string;
  /** Integers of up to 64 bits and others in all places where they may stand, with the answer. */
  readonly integers: { readonly sql: string; readonly answer: string };
  /** Not a number, minus infinity and infinity as a, b and c. */
  readonly infinities: string;
  /** Times, with the answer. */
  readonly times: { readonly sql: string; readonly answer: Readonly<Record<string, unknown>> };
}

export const CLICKHOUSE_WORDS: StoreWords = {
  quote: (name) => `\`${name}\``,
  series: (count) => `numbers(${count})`,
  text: (expression) => `toString(${expression})`,
  hasItem: (list, item) => `has(${list}, '${item}')`,
  yes: "1",
  milliseconds: (column) => `toUnixTimestamp64Milli(${column})`,
  failsIf: (condition) => ({ sql: `throwIf(${condition}, 'too far')`, message: "too far" }),
  types: {
    int32: "Int32",
    int64: "Int64",
    nullableInt32: "Nullable(Int32)",
    nullableInt64: "Nullable(Int64)",
    bool: "Bool",
    string: "String",
  },
  silentWidenings: 0,
  columns: {
    code: { type: "String", jsonSchema: { type: "string" } },
    n: { type: "UInt64", jsonSchema: { type: ["integer", "string"], pattern: "^-?\\d+$" } },
    text: { type: "String", jsonSchema: { type: "string" } },
  },
  tellsRead: true,
  holdsNul: true,
  bindsJagged: true,
  secondDigitsMax: 9,
  badInstant: { type: { kind: "datetime", precision: 9 }, value: "2290-01-01T00:00:00Z" },
  manyRows: 1_200_000,
  refusal: /Cannot parse input/,
  badStatements: [
    ["a setting before", "SET max_execution_time = 0; SELECT 1"],
    ["a kill", "KILL QUERY WHERE 1"],
    ["a file to write", "SELECT 1 INTO OUTFILE '/tmp/headrace-never'"],
    ["a format of its own", "SELECT 1 FORMAT CSV"],
    ["an error in the first row", "SELECT throwIf(1, 'no')"],
  ],
  endless: {
    computing: "SELECT count() FROM system.numbers WHERE number % 3 = 7",
    rows: "SELECT number FROM system.numbers",
  },
  running:
    "SELECT count() AS n FROM system.processes WHERE query LIKE '%system.numbers%' AND query NOT LIKE '%system.processes%' AND is_cancelled = 0",
  hungry: "SELECT uniqExact(number) FROM numbers(1000000000)",
  oddId: 'it\'s \\ \t\n\0 "x" é🛫',
  integers: {
    sql: `SELECT toInt64(9007199254740991) AS a, toInt64(-9007199254740991) AS b, toInt64(9007199254740992) AS c,
        toInt64(-9007199254740992) AS d, [toUInt64(1), 18446744073709551615] AS e, map('k', toInt64(9007199254740993)) AS f,
        CAST(tuple(toInt64(9007199254740993), 1e17), 'Tuple(x Int64, y Float64)') AS g, toInt256('-9007199254740992') AS h,
        [(toInt64(9007199254740993), 'a')] AS i, toFloat64(9007199254740993) AS j, '9007199254740993' AS k, toDecimal64(5, 2) AS l`,
    answer:
      '{"a":9007199254740991,"b":-9007199254740991,"c":"9007199254740992","d":"-9007199254740992",' +
      '"e":[1,"18446744073709551615"],"f":{"k":"9007199254740993"},"g":{"x":"9007199254740993","y":100000000000000000},' +
      '"h":"-9007199254740992","i":[["9007199254740993","a"]],"j":9007199254740992,"k":"9007199254740993","l":"5"}\n',
  },
  infinities: "SELECT nan AS a, -inf AS b, 1 / 0 AS c",
  times: {
    sql: `SELECT toDateTime('2020-01-01 00:00:00') AS a, [toDateTime64('2020-01-01 00:00:00.5', 3)] AS b,
        toDateTime('2020-01-01 00:00:00', 'Asia/Tokyo') AS c, toDate('2020-01-01') AS d, toStartOfDay(toDateTime('2020-01-01 23:00:00')) AS e`,
    answer: {
      a: "2020-01-01T00:00:00Z",
      b: ["2020-01-01T00:00:00.500Z"],
      c: "2019-12-31T15:00:00Z",
      d: "2020-01-01",
      e: "2020-01-01T00:00:00Z",
    },
  },
};

const FOR_EVER = "1000000000000000";

export const POSTGRES_WORDS: StoreWords = {
  quote: (name) => `"${name}"`,
  series: (count) => `(SELECT generate_series(0, ${count - 1}) AS number) AS numbers`,
  text: (expression) => `(${expression})::text`,
  hasItem: (list, item) => `${list} ? '${item}'`,
  yes: "true",
  milliseconds: (column) => `(extract(epoch FROM ${column}) * 1000)::bigint`,
  failsIf: (condition) => ({
    sql: `1 / (CASE WHEN ${condition} THEN 0 ELSE 1 END)`,
    message: "division by zero",
  }),
  types: {
    int32: "integer NOT NULL",
    int64: "bigint NOT NULL",
    nullableInt32: "integer",
    nullableInt64: "bigint",
    bool: "boolean NOT NULL",
    string: "text NOT NULL",
  },
  silentWidenings: 2,
  columns: {
    code: { type: "text", jsonSchema: { type: ["string", "null"] } },
    n: { type: "bigint", jsonSchema: { type: ["integer", "string", "null"], pattern: "^-?\\d+$" } },
    text: { type: "text", jsonSchema: { type: ["string", "null"] } },
  },
  tellsRead: false,
  holdsNul: false,
  bindsJagged: false,
  secondDigitsMax: 6,
  badInstant: { type: { kind: "datetime", precision: 6 }, value: "2001-02-03T04:05:06.1234567Z" },
  manyRows: 150_000,
  refusal: /n: late isn't a number/,
  badStatements: [
    ["a setting before", "SET statement_timeout = 0; SELECT 1"],
    ["a setting alone", "SET statement_timeout = 0"],
    ["a procedure", "CALL something()"],
    ["a file to write", "COPY (SELECT 1) TO '/tmp/headrace-never'"],
    ["a WITH that deletes", "WITH gone AS (DELETE FROM airports RETURNING 1) SELECT * FROM gone"],
    ["a table to make", "SELECT 1 AS x INTO other"],
    ["an explanation", "EXPLAIN ANALYZE SELECT 1"],
    ["a string without an end", "SELECT 'x"],
    ["a parameter of its own", "SELECT $1"],
    ["a parameter that isn't given", "SELECT {nobody:String}"],
    ["a type that there isn't", "SELECT {p1:Nothing such}"],
    ["an error in the first row", "SELECT 1 / 0"],
  ],
  endless: {
    computing: `SELECT count(*) FROM (SELECT generate_series(1, ${FOR_EVER}) AS n) AS numbers WHERE n % 3 = 7`,
    rows: `SELECT generate_series(1, ${FOR_EVER}) AS number`,
  },
  running: `SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '%${FOR_EVER}%' AND query NOT LIKE '%pg_stat_activity%' AND state = 'active'`,
  hungry: undefined,
  oddId: 'it\'s \\ \t\n\r {"x",NULL} é🛫',
  integers: {
    sql: `SELECT 9007199254740991 AS a, -9007199254740991 AS b, 9007199254740992 AS c,
        -9007199254740992 AS d, ARRAY[1, 18446744073709551615] AS e, jsonb_build_object('k', 9007199254740993) AS f,
        json_build_object('x', 9007199254740993, 'y', 1e17::float8) AS g, -9007199254740992::numeric AS h,
        '[[9007199254740993, "a"]]'::jsonb AS i, 9007199254740993::float8 AS j, '9007199254740993' AS k, 5.00::numeric(9, 2) AS l`,
    answer:
      '{"a":9007199254740991,"b":-9007199254740991,"c":"9007199254740992","d":"-9007199254740992",' +
      '"e":[1,"18446744073709551615"],"f":{"k":"9007199254740993"},"g":{"x":"9007199254740993","y":1e+17},' +
      '"h":"-9007199254740992","i":[["9007199254740993","a"]],"j":9007199254740992,"k":"9007199254740993","l":"5"}\n',
  },
  infinities: "SELECT 'NaN'::float8 AS a, '-Infinity'::float4 AS b, 'Infinity'::numeric AS c",
  times: {
    sql: `SELECT '2020-01-01'::timestamptz AS a, ARRAY['2020-01-01 00:00:00.5'::timestamptz(3)] AS b,
        '2020-01-01 00:00:00+09'::timestamptz AS c, '2020-01-01'::date AS d, date_trunc('day', '2020-01-01 23:00:00'::timestamptz(3)) AS e`,
    answer: {
      a: "2020-01-01T00:00:00Z",
      b: ["2020-01-01T00:00:00.500Z"],
      c: "2019-12-31T15:00:00Z",
      d: "2020-01-01",
      e: "2020-01-01T00:00:00Z",
    },
  },
};
