import { afterAll, beforeAll, expect, test } from "vitest";
import { plain } from "../../load/support.ts";
import { openTestStore, type TestStore } from "../../support/test-store.ts";

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([plain]);
  await shared.store.insert("plain", {
    log: "log",
    partition: 0,
    schema: plain.schema,
    lines: [Buffer.from('{"n":1,"text":"a"}\n{"n":2}\n{"n":3,"text":"(\'b"}\n')],
    count: 3,
    offsets: Float64Array.of(0, 1, 2),
    acceptedAt: Float64Array.of(0, 1, 2),
  });
});
afterAll(() => shared.destroy());

const count = (where: string) => shared.store.erase("plain", { where }, { dryRun: true });

test.each([
  ["n = 1", 1],
  ["n > 1 AND text IS NULL", 1],
  ["n IN (1, 3) OR text LIKE 'a%'", 2],
  ["n BETWEEN 1 AND 2", 2],
  ["CASE WHEN n = 1 THEN true ELSE false END", 1],
  ["text = '(''b' -- a quote in a string", 1],
  ["_accepted_at < '2001-01-01'", 3],
  ["n % 2 = 0", 1],
  ["lower(text) = 'a'", 1],
])("%s selects %i", async (where, rows) => {
  expect(await count(where)).toBe(rows);
});

test.each([
  "",
  "1) OR (1",
  "1, 1",
  "1; DROP TABLE plain",
  "1 /*",
  "n IN (SELECT 1)",
  "(SELECT 1)",
  "EXISTS (SELECT 1)",
  "n IN headrace.plain",
  "n IN plain",
  "n = 1 SETTINGS max_threads = 1",
  "n = 1 FORMAT Null",
  "n = 1 UNION ALL SELECT 1",
  "sleep(1)",
  "now() > _accepted_at",
  "rand() > 1",
  "file('/etc/passwd') = ''",
  "dictGet('d', 'a', 1) = 1",
  "joinGet('plain', 'n', 1) = 1",
  "count() > 1",
  "row_number() OVER () = 1",
  "arrayExists(x -> x = 1, [1])",
  "*",
  "COLUMNS('n') = 1",
  "_offset = 1",
  "_log = 'log'",
  "other = 1",
  "text = '\\n'",
  "{p:Int32} = 1",
  "n::String = '1'",
  "text",
  `n = ${"1".repeat(5_000)}`,
])("%s is refused, and nothing happens", async (where) => {
  await expect(shared.store.erase("plain", { where }, { dryRun: false })).rejects.toMatchObject({
    code: "condition_invalid",
  });
  expect(await count("n > 0")).toBe(3);
});
