import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineProject } from "../../src/project/define-project.ts";
import { NO_PURE_FUNCTIONS, pureFunctions } from "../../src/serve/cache/pure-functions.ts";
import type { PureFunctions } from "../../src/serve/cache/pure-functions.ts";
import { sqlTokens } from "../../src/serve/cache/sql-tokens.ts";
import { sqlTraits } from "../../src/serve/cache/sql-traits.ts";
import type { Store } from "../../src/store/store.ts";
import { flights, visits } from "./served-project.ts";
import { openTestStore } from "./test-store.ts";

const STREAMS = ["flights", "visits"];

describe("what is told from SQL", () => {
  let folder: string;
  let store: Store;
  let pure: PureFunctions;
  const traits = (text: string) => sqlTraits(text, STREAMS, pure);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "headrace-traits-"));
    store = await openTestStore(
      folder,
      defineProject({ name: "airport", streams: [flights, visits], endpoints: [] }),
    );
    pure = await pureFunctions(store);
  });
  afterAll(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    "SELECT count() FROM `flights`",
    "SELECT Count(*), SUM(delay), avgIf(delay, delay > 0), uniqExact(origin) FROM flights",
    "SELECT quantile(0.9)(delay), sumMapIf([1], [delay], delay > 1), countDistinct(origin) FROM flights",
    "SELECT toStartOfHour(date) AS hour, dateDiff('day', date, date), date_add(DAY, 1, date) FROM flights",
    "SELECT CAST(delay AS Decimal(18, 4)), delay::Nullable(Float64), {p1:Array(String)} FROM flights",
    "SELECT * FROM flights WHERE date >= {p1:String} AND origin IN ('JFK', 'SFO') LIMIT {p2:Int64}",
    "WITH late AS (SELECT * FROM flights WHERE delay > 60) SELECT origin, count() FROM late GROUP BY origin",
    "SELECT f.origin, v.page FROM flights AS f INNER JOIN visits v ON v.page = f.origin",
    "SELECT * FROM flights, visits WHERE origin = page",
    "SELECT origin FROM (SELECT origin FROM flights UNION ALL SELECT page FROM visits)",
    "SELECT row_number() OVER (PARTITION BY origin ORDER BY date), lagInFrame(delay) OVER w FROM flights WINDOW w AS (ORDER BY date)",
    "SELECT tag FROM flights ARRAY JOIN [1, 2] AS tag, [3, 4] AS other",
    "SELECT arrayJoin([1, 2]), arrayMap(x -> x + 1, [delay]) FROM flights",
    "SELECT number FROM numbers(10)",
    "SELECT count() FROM flights WHERE origin IN (SELECT page FROM visits)",
    "SELECT 1 -- now()\n, 'now()' /* today() */ FROM flights",
    "SELECT extract(year FROM date), trim(BOTH ' ' FROM origin) FROM flights",
    "SELECT f.now FROM flights AS f",
    "SELECT _accepted_at FROM flights",
    "SELECT CASE WHEN delay > 1 THEN 'late' ELSE 'ok' END, if(delay > 1, 1, 2), delay > 1 ? 1 : 2 FROM flights",
    "SELECT 'it''s \\' now()', \"origin\" FROM flights",
  ])("deterministic: %s", (text) => {
    expect(traits(text)).toMatchObject({ deterministic: true });
  });

  it.each([
    "SELECT now()",
    "SELECT now",
    "SELECT NOW ( )",
    "SELECT `now`()",
    'SELECT "today"()',
    "SELECT current_date FROM flights",
    "SELECT CURRENT_TIMESTAMP",
    "SELECT /* a */ now /* b */ ()",
    "SELECT now() - INTERVAL 1 HOUR FROM flights",
    "SELECT count() FROM flights WHERE date > today() - 7",
    "SELECT count() FROM flights WHERE date > yesterday()",
    "SELECT count() FROM flights WHERE date > now64(3)",
    "SELECT rand() FROM flights",
    "SELECT generateUUIDv4()",
    "SELECT sumIf(rand(), 1) FROM flights",
    "SELECT arrayMap(x -> rand(x), [1])",
    "SELECT randomPrintableASCII(10)",
    "SELECT parseDateTimeBestEffort('12:00')",
    "SELECT parseDateTimeBestEffortOrNull(origin) FROM flights",
    "SELECT groupArraySample(3)(delay) FROM flights",
    "SELECT hostName(), version(), uptime()",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('t', 'a', 1)",
    "SELECT neighbor(delay, 1) FROM flights",
    "SELECT rowNumberInAllBlocks() FROM flights",
    "SELECT file('x')",
    "SELECT noSuchFunction(1)",
    "SELECT * FROM system.tables",
    "SELECT * FROM system.tables, flights",
    "SELECT * FROM flights, system.tables",
    "SELECT * FROM flights f JOIN system.tables t ON 1 = 1, flights",
    "SELECT * FROM flights JOIN other USING origin",
    "SELECT * FROM other",
    "SELECT * FROM elsewhere.flights",
    "SELECT count() FROM flights WHERE origin IN other",
    "SELECT count() FROM flights WHERE origin GLOBAL IN system.tables",
    "SELECT * FROM merge('default', '^f')",
    "SELECT * FROM remote('127.0.0.1', default.flights)",
    "SELECT * FROM url('http://example.com', 'CSV')",
    "SELECT * FROM generateRandom('a Int64')",
    "SELECT * FROM (SELECT * FROM (SELECT * FROM other))",
    "SELECT (SELECT max(a) FROM other) FROM flights",
    "SELECT * FROM {p1:Identifier}",
    "SELECT _part FROM flights",
    "SELECT * FROM _rejected",
    "SELECT * APPLY(rand) FROM flights",
    "SELECT 1 FROM flights SETTINGS max_threads = 1",
    "SELECT 1 /* /* */ , now() */ FROM flights",
    "SELECT 1 /* , now() FROM flights",
    "SELECT ‘now’ FROM flights",
    "SELECT $a$ now() $a$ FROM flights",
    "SELECT `a\\`b` FROM flights",
    "SELECT `a``b` FROM flights",
    "SELECT 'open FROM flights",
    "SELECT 1 # now()",
    "SELECT 1; SELECT now()",
    "SELECT 1) FROM other, (SELECT 2",
  ])("in doubt, and so never kept: %s", (text) => {
    const { deterministic, reason, streams } = traits(text);
    expect(deterministic).toBe(false);
    expect(reason).toEqual(expect.any(String));
    expect(streams).toEqual(STREAMS);
  });

  it("names the streams that the SQL reads, also where the text alone says so", () => {
    expect(traits("SELECT 1 FROM `flights`").streams).toEqual(["flights"]);
    expect(traits("SELECT 1 FROM flights WHERE origin IN (SELECT page FROM visits)").streams).toEqual(
      STREAMS,
    );
    expect(traits("SELECT 1 FROM flights WHERE origin IN visits").streams).toEqual(STREAMS);
    expect(traits("SELECT 1").streams).toEqual([]);
    expect(traits("SELECT 'flights'").streams).toEqual([]);
  });

  it("keeps nothing when the engine can't say which functions are pure", () => {
    expect(sqlTraits("SELECT count() FROM flights", STREAMS, NO_PURE_FUNCTIONS).deterministic).toBe(false);
  });

  it("agrees with the engine on every function: none that it calls not deterministic is pure", async () => {
    const names = await ask(
      "SELECT name FROM system.functions WHERE deterministic = 0 OR (deterministic IS NULL AND NOT is_aggregate)",
    );
    expect(names.length).toBeGreaterThan(150);
    const exceptions = ["arrayJoin", "unnest"];
    expect(names.filter((name) => traits(`SELECT ${name}(1)`).deterministic)).toEqual(
      expect.arrayContaining(exceptions),
    );
    expect(names.filter((name) => traits(`SELECT ${name}(1)`).deterministic)).toHaveLength(exceptions.length);
  });

  it("knows the table functions that read nothing else, and no others", async () => {
    const names = await ask("SELECT name FROM system.table_functions");
    expect(names.length).toBeGreaterThan(50);
    const known = names.filter((name) => traits(`SELECT * FROM ${name}(1)`).deterministic);
    // `format` parses the text that it is given.
    expect(known.sort()).toEqual([
      "format",
      "generateSeries",
      "generate_series",
      "numbers",
      "values",
      "zeros",
    ]);
  });

  it("knows every name that the engine takes for a call without parentheses", async () => {
    const names = await ask(
      "SELECT name FROM system.functions WHERE deterministic = 0 OR deterministic IS NULL",
    );
    const bare: string[] = [];
    for (const name of names) {
      const found = await store
        .describe({ text: `SELECT \`${name}\` FROM flights`, params: {} })
        .catch(() => []);
      if (found.length > 0 && traits(`SELECT ${name} FROM flights`).deterministic) bare.push(name);
    }
    // These give the same for as long as the process runs.
    const constant = /^(?:current_?(?:database|user)|database|schema|session_user|user)$/i;
    expect(bare.filter((name) => !constant.test(name))).toEqual([]);
    expect(bare.length).toBeGreaterThan(0);
  });

  async function ask(text: string): Promise<string[]> {
    const { chunks } = await store.query({
      sql: { text, params: {} },
      format: "ndjson",
      limits: { time: 10_000, memory: 500_000_000, rows: 10_000, bytes: 10_000_000 },
    });
    let lines = "";
    for await (const chunk of chunks) lines += Buffer.from(chunk).toString();
    return lines
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { name: string }).name);
  }
});

describe("tokens of SQL", () => {
  it("tell names, values and comments apart", () => {
    expect(sqlTokens("SELECT `a`, 'b''c' -- d\n/* e */ {p1: Array(String)} 1.5e3")).toEqual([
      { kind: "word", text: "SELECT" },
      { kind: "quoted", text: "a" },
      { kind: "symbol", text: "," },
      { kind: "string" },
      { kind: "param", name: "p1", type: "Array(String)" },
      { kind: "number" },
    ]);
  });

  it("keep arrows apart from comparisons", () => {
    expect(sqlTokens("x -> {p1:Int64}")?.[1]).toEqual({ kind: "symbol", text: "->" });
  });
});
