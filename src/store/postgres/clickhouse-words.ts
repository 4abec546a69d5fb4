import { postgresTokens, type PostgresToken } from "../../project/postgres-tokens.ts";
import { placeOf } from "./text-place.ts";

/** What ClickHouse's functions are in PostgreSQL, in small letters. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  countif: "count(*) FILTER (WHERE …)",
  sumif: "sum(x) FILTER (WHERE …)",
  avgif: "avg(x) FILTER (WHERE …)",
  uniq: "count(DISTINCT x)",
  uniqexact: "count(DISTINCT x)",
  uniqcombined: "count(DISTINCT x)",
  any: "any_value(x), or min(x) before PostgreSQL 16",
  anylast: "(array_agg(x ORDER BY t DESC))[1]",
  argmax: "(array_agg(x ORDER BY y DESC))[1]",
  argmin: "(array_agg(x ORDER BY y))[1]",
  grouparray: "array_agg(x)",
  groupuniqarray: "array_agg(DISTINCT x)",
  quantile: "percentile_cont(0.5) WITHIN GROUP (ORDER BY x)",
  quantileexact: "percentile_disc(0.5) WITHIN GROUP (ORDER BY x)",
  quantiles: "percentile_cont(ARRAY[…]) WITHIN GROUP (ORDER BY x)",
  median: "percentile_cont(0.5) WITHIN GROUP (ORDER BY x)",
  tostartofsecond: "date_trunc('second', t)",
  tostartofminute: "date_trunc('minute', t)",
  tostartofhour: "date_trunc('hour', t)",
  tostartofday: "date_trunc('day', t)",
  tostartofweek: "date_trunc('week', t)",
  tostartofmonth: "date_trunc('month', t)",
  tostartofquarter: "date_trunc('quarter', t)",
  tostartofyear: "date_trunc('year', t)",
  tostartofinterval: "date_bin('15 minutes', t, '1970-01-01Z')",
  tostartoffiveminutes: "date_bin('5 minutes', t, '1970-01-01Z')",
  tostartoffiveminute: "date_bin('5 minutes', t, '1970-01-01Z')",
  tostartoffifteenminutes: "date_bin('15 minutes', t, '1970-01-01Z')",
  todate: "t::date",
  todatetime: "t::timestamptz",
  todatetime64: "t::timestamptz",
  toyear: "extract(year FROM t)",
  tomonth: "extract(month FROM t)",
  todayofweek: "extract(isodow FROM t)",
  todayofmonth: "extract(day FROM t)",
  tohour: "extract(hour FROM t)",
  tominute: "extract(minute FROM t)",
  toyyyymm: "to_char(t, 'YYYYMM')",
  toyyyymmdd: "to_char(t, 'YYYYMMDD')",
  tostring: "x::text",
  toint32: "x::integer",
  toint64: "x::bigint",
  touint64: "x::numeric",
  tofloat64: "x::double precision",
  formatdatetime: "to_char(t, 'YYYY-MM-DD')",
  datediff: "extract(epoch FROM b - a)",
  tounixtimestamp: "extract(epoch FROM t)",
  fromunixtimestamp: "to_timestamp(x)",
  today: "current_date",
  if: "CASE WHEN c THEN x ELSE y END",
  multiif: "CASE WHEN … THEN … ELSE … END",
  ifnull: "coalesce(x, y)",
  isnull: "x IS NULL",
  isnotnull: "x IS NOT NULL",
  arrayjoin: "jsonb_array_elements_text(x)",
  has: "x ? 'value'",
  jsonextractstring: "x::json ->> 'key'",
  jsonextractint: "(x::json ->> 'key')::bigint",
  jsonextractfloat: "(x::json ->> 'key')::double precision",
  empty: "x = ''",
  notempty: "x <> ''",
  positioncaseinsensitive: "position(lower(y) in lower(x))",
  intdiv: "x / y of integers",
  rand: "random()",
};

/** Words that only ClickHouse's SELECT has; `final` and the like may be names, so they count before a clause only. */
const CLAUSES: Readonly<Record<string, string>> = {
  prewhere: "PREWHERE is WHERE",
  settings: "SETTINGS can't be set in a query",
  format: "the format is the request's to choose, not FORMAT's",
};

/**
 * What of a text is ClickHouse's and not PostgreSQL's SQL, with its place; undefined when nothing is. Asked only for a text that
 * PostgreSQL refused; of several the one nearest to where it stopped is named.
 */
export function clickhouseHint(text: string, position: number | undefined): string | undefined {
  const backtick = text.indexOf("`");
  const tokens = postgresTokens(text) ?? [];
  const found = tokens.flatMap((token, index) => {
    const hint = hintAt(tokens, index);
    return hint === undefined ? [] : [{ at: token.start, hint }];
  });
  if (backtick !== -1 && tokens.some((token) => token.start === backtick)) {
    found.push({ at: backtick, hint: 'names are quoted as "name", not with backticks' });
  }
  const where = position ?? 0;
  const [nearest] = found.sort((a, b) => Math.abs(a.at - where) - Math.abs(b.at - where));
  return nearest === undefined ? undefined : `${nearest.hint} (${placeOf(text, nearest.at)})`;
}

function hintAt(tokens: readonly PostgresToken[], index: number): string | undefined {
  const token = tokens[index];
  if (token?.kind !== "word") return undefined;
  const word = token.text.toLowerCase();
  const [before, after, second] = [tokens[index - 1], tokens[index + 1], tokens[index + 2]];
  const isCalled = after?.kind === "symbol" && after.text === "(";
  if (word === "count" && isCalled && second?.text === ")") return "count() is count(*)";
  if (isCalled && Object.hasOwn(FUNCTIONS, word)) return `${token.text}(…) is ${FUNCTIONS[word]}`;
  if (isCalled && /^[a-z]+[A-Z]/.test(token.text)) return `PostgreSQL has no function ${token.text}`;
  if (!isCalled && Object.hasOwn(CLAUSES, word) && isClause(tokens, index)) return CLAUSES[word];
  if (word === "final" && before?.kind === "word" && !isCalled) return "FINAL isn't needed";
  if (word === "join" && before?.text.toLowerCase() === "array")
    return "ARRAY JOIN is CROSS JOIN LATERAL jsonb_array_elements_text(x)";
  const isWhere = word === "where" || word === "and";
  if (isWhere && (after?.text === "1" || after?.text === "0") && !isOperator(second)) {
    return `${word.toUpperCase()} ${after.text} is ${word.toUpperCase()} ${after.text === "1" ? "true" : "false"}`;
  }
  return undefined;
}

function isClause(tokens: readonly PostgresToken[], index: number): boolean {
  const after = tokens[index + 1];
  return after !== undefined && (after.kind === "word" || after.kind === "quoted");
}

function isOperator(token: PostgresToken | undefined): boolean {
  return token?.kind === "symbol" && /^[<>=!+\-*/%]/.test(token.text);
}
