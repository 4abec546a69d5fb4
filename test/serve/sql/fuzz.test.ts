import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { array, assert, asyncProperty, constant, constantFrom, oneof, tuple } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REMOVED_SECRET, startSqlServer, temporaryFolder, type SqlServer } from "./sql-server.ts";

// Hostile pieces anywhere in useful statements, written in every way that SQL has, never get through.

const SECRET = "the-secret-of-this-file";
const RUNS = Number(process.env["SQL_FUZZ_RUNS"] ?? 400);

let server: SqlServer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let before: string;

beforeAll(async () => {
  server = await startSqlServer();
  folder = await temporaryFolder();
  await writeFile(join(folder.path, "secret"), SECRET);
  before = await server.rows();
});

afterAll(async () => {
  await server.close();
  await folder.remove();
});

/** Useful statements with a place for an expression (§), a table (¶) or what follows at the end (¤). */
const FRAMES = [
  "SELECT § AS x FROM flights",
  "SELECT origin, count() FROM flights WHERE § = 'x' GROUP BY origin",
  "SELECT count() FROM flights GROUP BY §",
  "SELECT flight_id FROM flights ORDER BY §, delay LIMIT 3",
  "WITH § AS w SELECT w, origin FROM flights",
  "WITH x AS (SELECT § AS y) SELECT y FROM x",
  "SELECT arrayMap(x -> concat(x, toString(§)), tags) FROM flights",
  "SELECT sum(delay) OVER (PARTITION BY § ORDER BY date) FROM flights",
  "SELECT if(delay > 0, 'a', toString(§)) FROM flights",
  "SELECT [1, 2] AS a, map('k', toString(§)) FROM flights ARRAY JOIN tags",
  "SELECT 1 UNION ALL (SELECT length(toString(§)))",
  "SELECT origin IN (SELECT toString(§)) FROM flights",
  "SELECT CASE WHEN delay > 0 THEN toString(§) ELSE '' END FROM flights LIMIT 1 BY origin",
  "SELECT * FROM ¶ AS t",
  "SELECT f.origin FROM flights AS f JOIN ¶ AS t ON 1 = 1",
  "SELECT count() FROM (SELECT * FROM ¶)",
  "WITH c AS (SELECT * FROM ¶) SELECT count() FROM c",
  "SELECT (SELECT count() FROM ¶) AS n FROM flights",
  "SELECT origin FROM flights WHERE 'a' IN ¶",
  "SELECT origin FROM flights ¤",
  "SELECT origin FROM flights ORDER BY delay LIMIT 5 ¤",
  "SELECT 1 UNION ALL SELECT 2 ¤",
];

function pieces(folderPath: string): Readonly<Record<string, readonly string[]>> {
  const secret = join(folderPath, "secret");
  return {
    "§": [
      `file('${secret}')`,
      `arrayMap(file, ['${secret}'])`,
      `arrayMap(x -> file(x), ['${secret}'])`,
      `(SELECT * FROM file('${secret}', 'LineAsString'))`,
      "(SELECT max(secret) FROM removed)",
      `('${REMOVED_SECRET}' IN removed)`,
      "currentUser()",
      "getSetting('max_threads')",
      "sleep(1)",
      "dictGet('d', 'a', 1)",
      "hostName()",
      "@@max_threads",
      "(SELECT 1 SETTINGS max_threads = 1)",
      "CAST('a', 'AggregateFunction(uniq, String)')",
    ],
    "¶": [
      "removed",
      "headrace.removed",
      "_rejected",
      "headrace._rejected",
      "system.tables",
      "system.one",
      "information_schema.tables",
      `file('${secret}', 'LineAsString')`,
      "url('http://127.0.0.1:1/', 'CSV', 'a String')",
      "merge('headrace', '.*')",
      "view(SELECT * FROM removed)",
      "numbers(1000000000000)",
    ],
    "¤": [
      `INTO OUTFILE '${join(folderPath, "out")}'`,
      "SETTINGS max_memory_usage = 0",
      "FORMAT Native",
      "; DROP TABLE flights",
      "PARALLEL WITH DROP TABLE flights",
      `INTO OUTFILE '${join(folderPath, "out2")}' TRUNCATE FORMAT CSV SETTINGS max_threads = 1`,
    ],
  };
}

/** Ways of writing the same: each keeps what a statement means. */
const DISGUISES: readonly ((sql: string) => string)[] = [
  (sql) => sql,
  (sql) => sql.replaceAll(/ /g, "/* ' \" ` */ "),
  (sql) => sql.replaceAll(/ (?=[A-Za-z(])/g, "\n-- '; \"\n"),
  (sql) => sql.replaceAll(/\b(file|removed|headrace|system|url|merge|view)\b(?!['/])/g, "`$1`"),
  (sql) => sql.replaceAll(/\b(file|removed|headrace|system|url|merge|view)\b(?!['/])/g, '"$1"'),
  (sql) =>
    sql.replaceAll(/\b(INTO|OUTFILE|SETTINGS|FORMAT|SELECT|FROM|DROP|TABLE)\b/g, (word) =>
      word.toLowerCase(),
    ),
  (sql) => sql.replaceAll(/\b(file|sleep|url|merge)\(/g, "$1 /**/ ("),
  (sql) => sql.replaceAll(/'([^'\\]*)'/g, "$$x$$$1$$x$$"),
  (sql) => sql.replaceAll(/'([^'\\]*)'/g, (_all, text: string) => `'${hexEscaped(text)}'`),
  (sql) => `${sql} -- the end`,
  (sql) => `/* ( */${sql}/* ) */`,
  (sql) => `SELECT * FROM (${sql}) AS outside`,
  (sql) => `WITH ')' AS closing ${sql.replace(/^WITH /, ", ").replace(/^, /, ", ")}`,
  (sql) => sql.replaceAll("\n", "\r\n").replaceAll(" ", "\t"),
  (sql) => sql.replaceAll(" ", "\u00a0"),
];

function hexEscaped(text: string): string {
  return Array.from(text, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
}

test("hostile pieces in useful statements never get through, however they are written", async () => {
  const all = pieces(folder.path);
  const counts = new Map<number, number>();
  const attack = constantFrom(...FRAMES)
    .chain((frame) => {
      const place = Object.keys(all).find((mark) => frame.includes(mark)) ?? "";
      return tuple(constant(frame), constant(place), constantFrom(...(all[place] ?? [""])));
    })
    .chain((parts) =>
      tuple(constant(parts), array(constantFrom(...DISGUISES), { minLength: 0, maxLength: 3 })),
    )
    .map(([[frame, place, piece], disguises]) =>
      disguises.reduce(
        (sql, disguise) => disguise(sql),
        frame.replace(place, () => piece),
      ),
    );
  await assert(
    asyncProperty(attack, async (sql) => {
      const { status, text, json } = await server.ask(sql);
      counts.set(status, (counts.get(status) ?? 0) + 1);
      // Some disguises break the SQL: then it is a mistake, or a name that isn't a stream's.
      expect([400, 403, 404]).toContain(status);
      expect(["sql_refused", "sql_invalid", "unknown_stream"]).toContain(json.code);
      expect(text).not.toContain(SECRET);
      // What the statement itself says may be said again.
      expect(sql.includes(REMOVED_SECRET) || !text.includes(REMOVED_SECRET)).toBe(true);
    }),
    { numRuns: RUNS },
  );
  // The disguises must not hide all of it behind mistakes.
  expect(counts.get(403) ?? 0).toBeGreaterThan(RUNS / 3);
  expect(await readdir(folder.path)).toEqual(["secret"]);
  expect(await server.rows()).toBe(before);
}, 240_000);

test("cut, doubled and shuffled hostile SQL has no effect", async () => {
  const all = Object.values(pieces(folder.path)).flat();
  const tokens = [...FRAMES.join(" ").split(/\s+/), ...all.flatMap((piece) => piece.split(/(?<=[( ])/))];
  const soup = array(
    oneof(
      constantFrom(...tokens),
      constantFrom("'", "`", '"', "/*", "*/", "--", "\n", ";", "$$", "(", ")", "\0", "\\"),
    ),
    {
      minLength: 1,
      maxLength: 30,
    },
  ).map((words) => `SELECT ${words.join(" ")}`);
  await assert(
    asyncProperty(soup, async (sql) => {
      const { status, text } = await server.ask(sql);
      expect(status).toBeLessThan(500);
      expect(text).not.toContain(SECRET);
    }),
    { numRuns: RUNS },
  );
  expect(await readdir(folder.path)).toEqual(["secret"]);
  expect(await server.rows()).toBe(before);
}, 240_000);
