import { describe, expect, test } from "vitest";
import { readRequest } from "../../../src/serve/clickhouse-protocol/read-request.ts";

const read = (query: Record<string, unknown>, headers = {}, body = "") =>
  readRequest(query, headers, Buffer.from(body));

test("the SQL may begin in the query string and end in the body", async () => {
  expect((await read({ query: "SELECT" }, {}, "1")).sql).toBe("SELECT\n1");
  expect((await read({ query: "SELECT 2" })).sql).toBe("SELECT 2");
  expect((await read({}, {}, "SELECT 3")).sql).toBe("SELECT 3");
});

test("of what is asked twice the last counts, and a header before the query string", async () => {
  const asked = await read(
    {
      query: ["SELECT 1", "SELECT 2"],
      query_id: "a",
      database: "d",
      default_format: "CSV",
      role: ["x", "y"],
    },
    { "x-clickhouse-query-id": "b", "x-clickhouse-format": "TSV", "x-clickhouse-database": "e" },
  );
  expect(asked).toMatchObject({
    sql: "SELECT 2",
    queryId: "b",
    format: "TSV",
    database: "d",
    settings: { role: "y" },
  });
});

test("credentials and the protocol's own words are no settings", async () => {
  const query = {
    user: "u",
    password: "p",
    compress: "1",
    wait_end_of_query: "true",
    param_a: "1",
    max_threads: "2",
  };
  const asked = await read(query);
  expect(asked.settings).toEqual({ max_threads: "2" });
  expect(asked.params).toEqual({ a: { type: "", value: "1", escaped: true } });
  expect([asked.framed, asked.wait, asked.httpCompression]).toEqual([true, true, false]);
});

test.each([
  ["54460", 54_460],
  ["", 0],
  ["x", 0],
  ["-1", 0],
])("a revision of %s is %i", async (client_protocol_version, revision) => {
  expect((await read({ client_protocol_version })).revision).toBe(revision);
});

const FORM = { "content-type": "multipart/form-data; boundary=b" };
const part = (head: string, text: string) =>
  `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;

describe("what can't be read is an exception", () => {
  test.each([
    ["a name that no parameter has", { "param_a-b": "1" }, {}, "", /can't be a parameter's name/],
    ["a name of ours", { param_headrace_database: "1" }, {}, "", /can't be a parameter's name/],
    ["a long id", { query_id: "x".repeat(257) }, {}, "", /256 characters/],
    ["a packed body", {}, { "content-encoding": "gzip" }, "", /without compression/],
    ["a form without an end", {}, FORM, "--b\r\nx", /can't be read/],
    ["a table in a form", {}, FORM, `${part('name="t"; filename="t"', "1")}--b--\r\n`, /External tables/],
  ])("%s", async (_kind, query, headers, body, message) => {
    await expect(read(query as Record<string, unknown>, headers, body)).rejects.toThrow(message);
  });

  test("too many parameters, and a body that isn't UTF-8", async () => {
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`param_p${index}`, "1"]));
    await expect(read(many)).rejects.toThrow(/1000 parameters/);
    await expect(readRequest({}, {}, Buffer.from([0xff]))).rejects.toThrow(/UTF-8/);
  });
});

test("a form's fields are as good as the query string's", async () => {
  const body = `${part('name="query"', "SELECT 1")}${part('name="param_a"', "x")}${part('name="database"', "d")}--b--\r\n`;
  expect(await read({}, FORM, body)).toMatchObject({
    sql: "SELECT 1",
    database: "d",
    params: { a: { value: "x" } },
  });
});
