import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unframe } from "./frames.ts";
import { startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

// Requests of tools, with what they were answered: `clickhouse-connect.json` and `sqlalchemy.json` were recorded from runs of
// clickhouse-connect 1.7.2 (with its SQLAlchemy dialect) against this protocol, `jdbc.json` and `grafana.json` are made from the
// sources of clickhouse-java (jdbc-v2, which Metabase and DBeaver use), Metabase's driver, clickhouse-go and Grafana's data source.

interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes as latin-1. */
  readonly body: string;
  readonly status: number;
  readonly exception?: number;
}

async function recorded(tool: string): Promise<readonly Recorded[]> {
  const text = await readFile(join(import.meta.dirname, "recorded", `${tool}.json`), "utf8");
  return JSON.parse(text) as Recorded[];
}

const TOOLS = await Promise.all(
  ["clickhouse-connect", "sqlalchemy", "jdbc", "grafana"].map(
    async (tool) => [tool, await recorded(tool)] as const,
  ),
);

let server: ProtocolServer;

beforeAll(async () => {
  server = await startProtocolServer();
});

afterAll(() => server.close());

async function replay({ method, path, headers, body }: Recorded) {
  const bytes = method === "POST" ? { body: Buffer.from(body, "latin1") } : {};
  const response = await fetch(server.url + path, { method, headers, ...bytes });
  const answer = Buffer.from(await response.arrayBuffer());
  const framed = path.includes("compress=1") && response.status !== 403;
  return { response, bytes: framed ? unframe(answer) : answer };
}

const EXCEPTION = /^Code: \d+\. DB::Exception: .+\. \([A-Z_]+\) \(version [\d.]+\)\n$/;

describe.each(TOOLS)("%s", (_tool, requests) => {
  test.each(requests.map((one) => [one.body.slice(0, 90).replaceAll(/[^\x20-\x7e]+/g, " "), one] as const))(
    "%s",
    async (_title, one) => {
      const { response, bytes } = await replay(one);
      const exception = response.headers.get("x-clickhouse-exception-code");
      expect([response.status, exception]).toEqual([one.status, one.exception?.toString() ?? null]);
      expect(one.exception === undefined || EXCEPTION.test(bytes.toString())).toBe(true);
    },
  );
});

function bodyOf(tool: string, part: string): Recorded {
  const found = TOOLS.find(([name]) => name === tool)?.[1].find(({ body }) => body.includes(part));
  if (found === undefined) throw new Error(`${tool} has no request with ${part}`);
  return found;
}

async function asJson(
  one: Recorded,
): Promise<{ readonly data: readonly Readonly<Record<string, unknown>>[] }> {
  const { text } = await server.post(one.body, "?default_format=JSON");
  return JSON.parse(text) as { data: Record<string, unknown>[] };
}

test("JDBC's list of tables has the streams and nothing else", async () => {
  const { data } = await asJson(bodyOf("jdbc", "AS TABLE_TYPE, t.comment"));
  expect(
    data.map((row) => [row["TABLE_SCHEM"], row["TABLE_NAME"], row["TABLE_TYPE"]].join(" ")).sort(),
  ).toEqual(["default airports MergeTree", "default flights MergeTree"]);
});

test("JDBC's list of columns has their types, sizes and places", async () => {
  const { data } = await asJson(bodyOf("jdbc", "AS COLUMN_SIZE"));
  expect(data.slice(0, 3)).toMatchObject([
    { COLUMN_NAME: "flight_id", TYPE_NAME: "String", ORDINAL_POSITION: 1, IS_NULLABLE: "NO" },
    { COLUMN_NAME: "date", TYPE_NAME: "DateTime64(3, 'UTC')", ORDINAL_POSITION: 2 },
    { COLUMN_NAME: "delay", TYPE_NAME: "Int32", COLUMN_SIZE: 4, NUM_PREC_RADIX: 2, ORDINAL_POSITION: 3 },
  ]);
});

test("JDBC's primary keys are the sort keys", async () => {
  const { data } = await asJson(bodyOf("jdbc", "AS KEY_SEQ"));
  expect(data.map((row) => [row["COLUMN_NAME"], row["KEY_SEQ"]])).toEqual([
    ["date", 2],
    ["origin", 1],
  ]);
});

test("clickhouse-go's first question is answered in the format that it reads", async () => {
  const { bytes } = await replay(bodyOf("grafana", "displayName()"));
  const [, , ...rest] = bytes.subarray(8);
  const text = Buffer.from(rest).toString("latin1");
  // The block's information, four columns, one row; after each type that its values are written in no other way.
  expect([...bytes.subarray(0, 10)]).toEqual([1, 0, 2, 255, 255, 255, 255, 0, 4, 1]);
  // What is written between the names, the types and the values are lengths.
  // oxlint-disable-next-line no-control-regex -- lengths are control characters
  const words = text.split(/[\u0000-\u001f]+/).filter((word) => word !== "");
  expect(words.filter((word) => /^[A-Za-z]/.test(word))).toEqual(
    expect.arrayContaining([
      "displayName()",
      "String",
      "airport",
      "version()",
      "revision()",
      "UInt32",
      "timezone()",
      "UTC",
    ]),
  );
  expect(text).toContain(`\rdisplayName()\x06String\0\x07airport`);
});

test("a limit that Grafana sets holds", async () => {
  const { bytes } = await replay(bodyOf("grafana", 'SELECT * FROM "default"."flights" LIMIT 1000'));
  // Twelve columns, two rows.
  expect([...bytes.subarray(8, 10)]).toEqual([12, 2]);
});
