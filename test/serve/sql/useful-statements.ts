/** SQL that an analyst writes, with the rows that it gives over the flights and airports of sql-server.ts. */
export const USEFUL_STATEMENTS: readonly (readonly [sql: string, rows: readonly unknown[][]])[] = [
  // Plain
  ["SELECT 1", [[1]]],
  ["select count() from flights", [[5]]],
  ["SELECT count(*) AS n FROM flights;", [[5]]],
  ["-- how many?\nSELECT /* all */ count() # of them\nFROM flights", [[5]]],
  ["FROM flights SELECT max(delay)", [[45]]],
  ["(SELECT min(delay) FROM flights)", [[-5]]],
  ["SELECT DISTINCT origin FROM flights ORDER BY origin", [["ATL"], ["BOS"], ["JFK"]]],
  ['SELECT flight_id FROM `flights` WHERE "delay" > 20 ORDER BY 1', [["f3"], ["f5"]]],
  ["SELECT f.flight_id FROM flights AS f WHERE f.origin = 'ATL' ORDER BY f.delay DESC LIMIT 1", [["f1"]]],
  ["SELECT flight_id FROM flights ORDER BY delay LIMIT 2 OFFSET 1", [["f4"], ["f1"]]],
  ["SELECT flight_id FROM flights WHERE delay BETWEEN 0 AND 10 ORDER BY 1", [["f1"], ["f4"]]],
  [
    "SELECT flight_id FROM flights WHERE origin IN ('BOS', 'JFK') AND delay NOT IN (0) ORDER BY 1",
    [["f3"], ["f5"]],
  ],
  ["SELECT flight_id FROM flights WHERE origin LIKE 'J%' OR flight_id ILIKE 'F1'", [["f1"], ["f5"]]],
  ["SELECT max(_offset), min(_accepted_at) FROM flights", [[4, "2026-01-01T00:00:00.000Z"]]],
  ["SELECT user IS NULL FROM flights LIMIT 1", [[1]]],
  ["SELECT flights.user, f.user FROM flights, flights AS f LIMIT 1", [[null, null]]],
  // Dates
  ["SELECT date FROM flights WHERE flight_id = 'f1'", [["2001-01-01T06:00:00.000Z"]]],
  ["SELECT toDate(date) AS day, count() FROM flights GROUP BY day ORDER BY day LIMIT 1", [["2001-01-01", 2]]],
  [
    "SELECT count() FROM flights WHERE date >= '2001-01-03' AND date < toDateTime('2001-01-04 00:00:00')",
    [[1]],
  ],
  [
    "SELECT toStartOfMonth(date), dateDiff('day', min(date), max(date)) FROM flights GROUP BY 1",
    [["2001-01-01", 4]],
  ],
  ["SELECT DATE '2001-01-31' + INTERVAL 1 MONTH", [["2001-02-28"]]],
  [
    "SELECT EXTRACT(YEAR FROM date), formatDateTime(date, '%H:%i') FROM flights WHERE flight_id = 'f2'",
    [[2001, "07:00"]],
  ],
  ["SELECT date_trunc('week', toDate('2001-01-05'))", [["2001-01-01"]]],
  // Aggregates
  [
    "SELECT origin, avg(delay) FROM flights GROUP BY origin HAVING count() > 1 ORDER BY origin",
    [
      ["ATL", 2.5],
      ["BOS", 15],
    ],
  ],
  ["SELECT countIf(delay > 0), sumIf(delay, origin = 'ATL'), uniqExact(origin) FROM flights", [[3, 5, 3]]],
  ["SELECT count() FILTER (WHERE delay > 0), count(DISTINCT origin) FROM flights", [[3, 3]]],
  ["SELECT quantileExact(0.5)(delay), argMax(flight_id, delay) FROM flights", [[10, "f5"]]],
  ["SELECT groupArray(delay) FROM (SELECT delay FROM flights ORDER BY delay)", [[[-5, 0, 10, 30, 45]]]],
  [
    "SELECT origin, sum(delay) FROM flights GROUP BY origin WITH ROLLUP ORDER BY origin",
    [
      ["", 80],
      ["ATL", 5],
      ["BOS", 30],
      ["JFK", 45],
    ],
  ],
  [
    "SELECT origin, grouping(origin), count() FROM flights GROUP BY GROUPING SETS ((origin), ()) ORDER BY 2, 1",
    [
      ["ATL", 0, 2],
      ["BOS", 0, 2],
      ["JFK", 0, 1],
      ["", 1, 5],
    ],
  ],
  ["SELECT sumOrNullIf(delay, 0), avgOrDefault(delay) FROM flights WHERE 0", [[null, 0]]],
  ["SELECT countMerge(s) FROM (SELECT countState() AS s FROM flights)", [[5]]],
  ["SELECT topK(1)(origin) FROM flights WHERE origin = 'JFK'", [[["JFK"]]]],
  ["SELECT arrayReduce('sumIf', [1, 2, 3], [1, 0, 1])", [[4]]],
  // Subqueries, WITH and sets
  ["WITH late AS (SELECT * FROM flights WHERE delay > 5) SELECT count() FROM late", [[3]]],
  ["WITH 5 AS least_delay SELECT count() FROM flights WHERE delay > least_delay", [[3]]],
  [
    "WITH (SELECT avg(delay) FROM flights) AS mean SELECT flight_id FROM flights WHERE delay > mean ORDER BY 1",
    [["f3"], ["f5"]],
  ],
  ["WITH a AS (SELECT origin FROM flights), b AS (SELECT * FROM a) SELECT uniq(origin) FROM b", [[3]]],
  [
    "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t WHERE x < 4) SELECT sum(x) FROM t",
    [[10]],
  ],
  ["SELECT count() FROM (SELECT origin FROM flights GROUP BY origin)", [[3]]],
  ["SELECT flight_id FROM flights WHERE delay = (SELECT max(delay) FROM flights)", [["f5"]]],
  ["SELECT count() FROM flights WHERE origin IN (SELECT code FROM airports)", [[4]]],
  ["WITH codes AS (SELECT code FROM airports) SELECT count() FROM flights WHERE origin NOT IN codes", [[1]]],
  ["SELECT EXISTS(SELECT 1 FROM airports WHERE code = 'ATL')", [[1]]],
  ["SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2) ORDER BY n", [[1], [2]]],
  ["SELECT DISTINCT origin FROM flights EXCEPT SELECT code FROM airports", [["JFK"]]],
  [
    "SELECT DISTINCT * FROM (SELECT origin FROM flights INTERSECT SELECT code FROM airports) ORDER BY 1",
    [["ATL"], ["BOS"]],
  ],
  // Joins
  [
    "SELECT city, count() FROM flights JOIN airports ON origin = code GROUP BY city ORDER BY city",
    [
      ["Atlanta", 2],
      ["Boston", 2],
    ],
  ],
  [
    "SELECT origin, a.city FROM flights f LEFT JOIN airports a ON a.code = f.origin WHERE origin = 'JFK'",
    [["JFK", ""]],
  ],
  ["SELECT count() FROM flights AS f ANY INNER JOIN airports AS a ON f.origin = a.code", [[2]]],
  [
    "SELECT flight_id FROM flights f ASOF JOIN airports a ON f.origin = a.code AND f.date >= a.since ORDER BY 1",
    [["f1"], ["f2"], ["f4"]],
  ],
  ["SELECT count() FROM flights SEMI LEFT JOIN airports ON code = origin", [[4]]],
  ["SELECT count() FROM flights CROSS JOIN airports", [[10]]],
  ["SELECT count() FROM flights AS a, flights AS b WHERE a.origin = b.origin AND a.delay < b.delay", [[2]]],
  // Windows
  [
    "SELECT flight_id, row_number() OVER (PARTITION BY origin ORDER BY date) AS n FROM flights ORDER BY flight_id LIMIT 2",
    [
      ["f1", 1],
      ["f2", 2],
    ],
  ],
  [
    "SELECT sum(delay) OVER w FROM flights WINDOW w AS (ORDER BY date ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY date",
    [[10], [5], [25], [30], [45]],
  ],
  [
    "SELECT flight_id, lagInFrame(delay) OVER (ORDER BY date) FROM flights ORDER BY date LIMIT 1 OFFSET 1",
    [["f2", 10]],
  ],
  [
    "SELECT flight_id FROM flights QUALIFY rank() OVER (PARTITION BY origin ORDER BY delay DESC) = 1 ORDER BY flight_id",
    [["f1"], ["f3"], ["f5"]],
  ],
  // Arrays, maps, tuples, JSON
  [
    "SELECT tag, count() FROM flights ARRAY JOIN tags AS tag GROUP BY tag ORDER BY tag",
    [
      ["full", 2],
      ["late", 3],
      ["storm", 1],
    ],
  ],
  ["SELECT count() FROM flights LEFT ARRAY JOIN tags AS tag WHERE tag = ''", [[1]]],
  ["SELECT flight_id FROM flights WHERE has(tags, 'storm')", [["f5"]]],
  [
    "SELECT arrayMap(x -> upper(x), tags), tags[1] FROM flights WHERE flight_id = 'f1'",
    [[["LATE", "FULL"], "late"]],
  ],
  ["SELECT arraySort(x -> -x, [1, 3, 2]), arrayFilter((x, i) -> i > 1, [5, 6], [1, 2])", [[[3, 2, 1], [6]]]],
  ["SELECT arrayJoin([1, 2]) AS x ORDER BY x", [[1], [2]]],
  ["SELECT extra['seats'], mapKeys(extra) FROM flights WHERE flight_id = 'f5'", [[200, ["seats"]]]],
  ["SELECT (1, 'a').2, tuple(1, 2) = (1, 2)", [["a", 1]]],
  ["SELECT JSONExtractInt(payload, 'gate', 'n') FROM flights WHERE flight_id = 'f1'", [[7]]],
  ["SELECT JSONExtract(payload, 'list', 'Array(Int32)') FROM flights WHERE flight_id = 'f4'", [[[1, 2, 3]]]],
  [
    "SELECT JSONExtractString(payload, '_id'), JSONHas(payload, 'gate') FROM flights ORDER BY flight_id LIMIT 1",
    [["a", 1]],
  ],
  [
    "SELECT payload::JSON AS j, j.gate.n::Int32 FROM flights WHERE flight_id = 'f2'",
    [[{ gate: { n: 8 } }, 8]],
  ],
  // The engine's own
  [
    "SELECT origin, flight_id FROM flights ORDER BY origin, delay LIMIT 1 BY origin",
    [
      ["ATL", "f2"],
      ["BOS", "f4"],
      ["JFK", "f5"],
    ],
  ],
  [
    "SELECT toDate(date) AS d, count() AS n FROM flights GROUP BY d ORDER BY d WITH FILL",
    [
      ["2001-01-01", 2],
      ["2001-01-02", 1],
      ["2001-01-03", 1],
      ["2001-01-04", 0],
      ["2001-01-05", 1],
    ],
  ],
  ["SELECT sum(number) FROM numbers(10)", [[45]]],
  ["SELECT count() FROM numbers({n:UInt64})", [[3]]],
  ["SELECT sum(generate_series) FROM generateSeries(1, 4)", [[10]]],
  [
    "SELECT * FROM values('a UInt8, b String', (1, 'x'), (2, 'y'))",
    [
      [1, "x"],
      [2, "y"],
    ],
  ],
  ["SELECT sum(a) FROM (VALUES (1), (2)) AS t(a)", [[3]]],
  [
    "SELECT * EXCEPT (date, tags, extra, payload, user, _log, _partition, _offset, _accepted_at) FROM flights LIMIT 1",
    [["f1", 10, "ATL"]],
  ],
  ["SELECT COLUMNS('^(origin|delay)$') APPLY max FROM flights", [[45, "JFK"]]],
  ["SELECT * REPLACE (n + 1 AS n) FROM (SELECT 1 AS n)", [[2]]],
  [
    "SELECT CASE origin WHEN 'JFK' THEN 'New York' ELSE 'elsewhere' END AS place, count() FROM flights GROUP BY place ORDER BY place",
    [
      ["New York", 1],
      ["elsewhere", 4],
    ],
  ],
  [
    "SELECT if(delay > 0, 'late', 'on time') AS state, count() FROM flights GROUP BY ALL ORDER BY ALL",
    [
      ["late", 3],
      ["on time", 2],
    ],
  ],
  [
    "SELECT CAST('7' AS UInt8), '8'::Int32, accurateCastOrNull('x', 'Int8'), toDecimal64('1.50', 2)",
    [[7, 8, null, "1.5"]],
  ],
  [
    "SELECT replaceRegexpAll('a1b22', '[0-9]+', '#'), splitByChar(',', 'a,b'), format('{}-{}', 'a', 'b')",
    [["a#b#", ["a", "b"], "a-b"]],
  ],
  [
    "SELECT lower('ABC'), substring('abcdef', 2, 3), length('ü'), lengthUTF8('ü'), 'it''s'",
    [["abc", "bcd", 2, 1, "it's"]],
  ],
  [
    "SELECT $$it's \"quoted\"$$, 'INTO OUTFILE ''x''', 'a;b', 'SETTINGS x = 1'",
    [['it\'s "quoted"', "INTO OUTFILE 'x'", "a;b", "SETTINGS x = 1"]],
  ],
  ['SELECT `select`, "a b" FROM (SELECT 1 AS `select`, 2 AS "a b")', [[1, 2]]],
  ["SELECT 'version' AS version, 1 AS uptime ORDER BY version", [["version", 1]]],
  [
    "SELECT cityHash64('a') = cityHash64('a'), domain('https://example.com/x'), toIPv4('127.0.0.1')",
    [[1, "example.com", "127.0.0.1"]],
  ],
  [
    "SELECT {o:String} AS o, {d:DateTime} AS d, {l:Array(Int64)} AS l, {m:Nullable(Int8)} AS m",
    [["it's", "2001-02-03T03:05:06Z", [1, 2], null]],
  ],
  ["SELECT flight_id FROM flights WHERE origin IN {os:Array(String)} ORDER BY 1", [["f3"], ["f4"], ["f5"]]],
  // What there is
  [
    "SHOW TABLES",
    [
      ["flights", "One row per departure"],
      ["airports", "Where the airports are"],
    ],
  ],
  [
    "describe table `airports`;",
    [
      ["code", "String"],
      ["city", "String"],
      ["since", "DateTime64(3, 'UTC')"],
      ["_log", "LowCardinality(String)"],
      ["_partition", "UInt16"],
      ["_offset", "UInt64"],
      ["_accepted_at", "DateTime64(3, 'UTC')"],
    ],
  ],
  [
    "SHOW COLUMNS FROM airports",
    [
      ["code", "String"],
      ["city", "String"],
      ["since", "DateTime64(3, 'UTC')"],
      ["_log", "LowCardinality(String)"],
      ["_partition", "UInt16"],
      ["_offset", "UInt64"],
      ["_accepted_at", "DateTime64(3, 'UTC')"],
    ],
  ],
];

/** For the statements that have parameters. */
export const USEFUL_PARAMS = {
  n: 3,
  o: "it's",
  d: "2001-02-03T04:05:06+01:00",
  l: [1, 2],
  m: null,
  os: ["BOS", "JFK"],
};
