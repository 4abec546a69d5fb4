import { afterAll, beforeAll, expect, test } from "vitest";
import { startSqlServer, type SqlServer } from "./sql-server.ts";
import { USEFUL_PARAMS, USEFUL_STATEMENTS } from "./useful-statements.ts";

let server: SqlServer;

beforeAll(async () => {
  server = await startSqlServer();
});

afterAll(() => server.close());

test.each(USEFUL_STATEMENTS)("%s", async (sql, rows) => {
  const { status, json } = await server.ask(sql, { params: USEFUL_PARAMS });
  expect([status, json.detail]).toEqual([200, undefined]);
  expect(json.data?.map((row) => Object.values(row))).toEqual(rows);
  expect(json.rows).toBe(rows.length);
});

test("there are more than 80 of them", () => {
  expect(USEFUL_STATEMENTS.length).toBeGreaterThan(80);
});
