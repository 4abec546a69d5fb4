import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { brokenStatements, hostileStatements } from "./hostile-statements.ts";
import { REMOVED_SECRET, startSqlServer, temporaryFolder, type SqlServer } from "./sql-server.ts";

// Each statement is refused by the fence, and nothing of it has happened: no file was read, written or made, nobody was
// called, no table changed.

const SECRET = "the-secret-of-this-file";

let server: SqlServer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let lured: Server;
let calls = 0;
let before: string;

beforeAll(async () => {
  server = await startSqlServer();
  folder = await temporaryFolder();
  await writeFile(join(folder.path, "secret"), `${SECRET}\n`);
  lured = createServer((_request, response) => {
    calls++;
    response.end("1\n");
  });
  await new Promise<void>((resolve) => void lured.listen(LURE_PORT, "127.0.0.1", resolve));
  before = await server.rows();
});

afterAll(async () => {
  lured.closeAllConnections();
  lured.close();
  await server.close();
  await folder.remove();
});

const LURE_PORT = 0;
/** Stand-ins in the titles; the statements get the real ones. */
const TITLES = hostileStatements({ secret: "/secret", out: "/out", url: "http://lure" });

function realStatements() {
  const { port } = lured.address() as AddressInfo;
  return hostileStatements({
    secret: join(folder.path, "secret"),
    out: join(folder.path, "out"),
    url: `http://127.0.0.1:${port}/`,
  });
}

test("there are more than 200 hostile statements", () => {
  expect(new Set(Object.values(TITLES).flat()).size).toBeGreaterThan(200);
});

describe.each(Object.entries(TITLES))("%s", (kind, titles) => {
  test.each(titles.map((title, index) => [title.slice(0, 100), index] as const))(
    "%s",
    async (_title, index) => {
      const statement = realStatements()[kind]?.[index] ?? "";
      const { status, json, text } = await server.ask(statement, { params: { t: "removed", s: "x" } });
      expect([status, json.code, json.detail]).toEqual([403, "sql_refused", expect.stringMatching(/.{10}/)]);
      expect(text).not.toContain(SECRET);
      // What the statement itself says may be said again.
      expect(statement.includes(REMOVED_SECRET) || !text.includes(REMOVED_SECRET)).toBe(true);
      expect(json.data).toBeUndefined();
    },
  );
});

test("what isn't even SQL is a mistake, and has no effect either", async () => {
  for (const statement of brokenStatements({
    secret: join(folder.path, "secret"),
    out: join(folder.path, "out"),
    url: "",
  })) {
    const { status, json, text } = await server.ask(statement);
    expect([statement.slice(0, 60), status, json.code]).toEqual([
      statement.slice(0, 60),
      400,
      expect.stringMatching(/^(sql_invalid|bad_parameter)$/),
    ]);
    expect(text).not.toContain(SECRET);
  }
});

test("after all of them nothing was written, called or changed", async () => {
  expect(await readdir(folder.path)).toEqual(["secret"]);
  expect(await readFile(join(folder.path, "secret"), "utf8")).toBe(`${SECRET}\n`);
  expect(calls).toBe(0);
  expect(await server.rows()).toBe(before);
});

test("the targets are real: without the fence the engine reads the file", async () => {
  const { chunks } = await server.store.query({
    sql: { text: `SELECT file('${join(folder.path, "secret")}') AS x`, params: {} },
    format: "ndjson",
    limits: { time: 5000, memory: 1e9, rows: 10, bytes: 1e6 },
  });
  let text = "";
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  expect(text).toContain(SECRET);
});
