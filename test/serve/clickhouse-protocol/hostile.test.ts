import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostileStatements } from "../sql/hostile-statements.ts";
import { REMOVED_SECRET, temporaryFolder } from "../sql/sql-server.ts";
import { startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

// What is refused at /v1/sql is refused here, also where names stand for others and clauses are taken off a statement's end.

const SECRET = "the-secret-of-this-file";

let server: ProtocolServer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let lured: Server;
let calls = 0;

beforeAll(async () => {
  server = await startProtocolServer();
  folder = await temporaryFolder();
  await writeFile(join(folder.path, "secret"), `${SECRET}\n`);
  lured = createServer((_request, response) => {
    calls++;
    response.end("1\n");
  });
  await new Promise<void>((resolve) => void lured.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  lured.closeAllConnections();
  lured.close();
  await server.close();
  await folder.remove();
});

/** Of the hostile statements, those that this protocol answers: from views, or without what would have done harm. */
const ANSWERED = [
  "SELECT * FROM system.tables",
  "SELECT * FROM system.one",
  "SELECT * FROM `system`.`functions`",
  'SELECT * FROM "system"."settings"',
  "SELECT * FROM information_schema.tables",
  "SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
  "SELECT version()",
  "SELECT currentUser()",
  "SELECT currentDatabase()",
  "SELECT database()",
  "SHOW CREATE TABLE flights",
  "SHOW DATABASES",
  "SHOW SETTINGS LIKE '%'",
  "EXISTS TABLE removed",
  "SET max_memory_usage = 0",
  "SELECT 1 SETTINGS max_memory_usage = 0",
  "SELECT 1 settings/**/max_execution_time = 0",
  "(SELECT 1) UNION ALL (SELECT 2) SETTINGS max_result_rows = 0",
  "SELECT 1 FORMAT JSON SETTINGS max_threads = 1",
  "SELECT 1 FORMAT Null",
  "SELECT 1 FORMAT Native",
];

test("no hostile statement reads, writes, calls or changes anything, nor is answered but from views", async () => {
  const { port } = lured.address() as AddressInfo;
  const statements = hostileStatements({
    secret: join(folder.path, "secret"),
    out: join(folder.path, "out"),
    url: `http://127.0.0.1:${port}/`,
  });
  const before = await counts();
  const answered: string[] = [];
  for (const statement of Object.values(statements).flat()) {
    const { status, text } = await server.post(statement, "?param_t=removed&param_s=x");
    if (status === 200) answered.push(statement);
    expect(text).not.toContain(SECRET);
    expect(statement.includes(REMOVED_SECRET) || !text.includes(REMOVED_SECRET)).toBe(true);
  }
  expect(answered).toEqual(ANSWERED);
  expect(await readdir(folder.path)).toEqual(["secret"]);
  expect(await readFile(join(folder.path, "secret"), "utf8")).toBe(`${SECRET}\n`);
  expect(calls).toBe(0);
  expect(await counts()).toBe(before);
});

async function counts(): Promise<string> {
  return (await server.post("SELECT (SELECT count() FROM flights), (SELECT count() FROM airports)")).text;
}

test.each([
  "SELECT * FROM (SELECT secret FROM default.removed)",
  "SELECT secret FROM airport.removed",
  "SELECT * FROM default._rejected",
  "SELECT * FROM headrace.flights",
  "SELECT * FROM system.query_log",
  "SELECT * FROM system.tables.removed",
  "SELECT x FROM system.tables AS removed, removed AS y",
  "WITH system.tables AS (SELECT 1) SELECT * FROM removed",
  "SELECT version() AS removed, (SELECT secret FROM removed)",
  "SELECT * FROM flights WHERE 'x' IN system.removed",
  "SELECT 1 INTO OUTFILE '/tmp/headrace-out' FORMAT TSV",
  "SELECT 1 FORMAT TSV INTO OUTFILE '/tmp/headrace-out'",
  "SELECT 1 SETTINGS max_threads = 1, allow_introspection_functions = 1",
  "SELECT (SELECT 1 SETTINGS max_memory_usage = 0) FORMAT TSV",
  "DESCRIBE TABLE removed",
  "SHOW CREATE TABLE removed",
  "EXISTS TABLE flights; DROP TABLE flights",
  "SET max_memory_usage = 0, allow_ddl = 1",
])("%s is refused", async (statement) => {
  const { status, text } = await server.post(statement);
  expect([status, text]).not.toEqual([200, expect.anything()]);
  expect(text).toMatch(/^Code: (?:36|47|60|62|81|115|164|497)\. /);
  expect(text).not.toContain(REMOVED_SECRET);
});

test("a table that isn't declared is nowhere to be seen", async () => {
  for (const statement of [
    "SHOW TABLES",
    "SELECT * FROM system.tables",
    "SELECT * FROM system.columns",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM information_schema.columns",
  ]) {
    const { status, text } = await server.post(statement);
    expect([status, text]).toEqual([200, expect.stringContaining("flights")]);
    expect(text).not.toMatch(/removed|_rejected|headrace/);
  }
  expect((await server.post("EXISTS TABLE removed")).text).toBe("0\n");
});

test("no parameter takes the place of what a view is made of", async () => {
  const { status, text } = await server.post("SELECT * FROM system.tables", "?param_headrace_tables=[]");
  expect([status, text]).toEqual([400, expect.stringContaining("BAD_ARGUMENTS")]);
});
