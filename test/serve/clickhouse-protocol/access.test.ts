import { afterAll, beforeAll, expect, test } from "vitest";
import { parseTokens } from "../../../src/access/token-entries.ts";
import { Tokens } from "../../../src/access/tokens.ts";
import { openProtocol } from "../../../src/serve/clickhouse-protocol/open-protocol.ts";
import { Turns } from "../../../src/serve/sql/turns.ts";
import { bearer, testToken } from "../../access/token-fixtures.ts";
import { requestRaw } from "./request-raw.ts";
import { post, startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

const analyst = testToken("analyst", ["sql"]);
const reader = testToken("reader", ["read:*"]);
const hasty = testToken("hasty", ["sql"], { rate: { requests_per_second: 0.001, burst: 1 } });
const late = testToken("late", ["sql"], { expires: "2020-01-01T00:00:00Z" });

let server: ProtocolServer;
let open: ProtocolServer;
let url: string;

beforeAll(async () => {
  open = await startProtocolServer();
  const entries = [analyst, reader, hasty, late].map(({ entry }) => entry);
  const tokens = new Tokens(parseTokens(JSON.stringify(entries), "the test"));
  ({ url } = await open.open({ tokens }));
  server = open;
});

afterAll(() => server.close());

const ask = (query: string, headers: Record<string, string> = {}) =>
  post(url, "SELECT currentUser()", query, headers);
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

test("the token may stand wherever ClickHouse takes a password, with any user", async () => {
  const { token } = analyst;
  for (const [query, headers] of [
    ["", bearer(token)],
    ["", basic("default", token)],
    ["", basic("", token)],
    ["", { "x-clickhouse-user": "anybody", "x-clickhouse-key": token }],
    [`?user=default&password=${token}`, {}],
    [`?password=${token}`, { "x-clickhouse-user": "default" }],
  ] as const) {
    const { status, text } = await ask(query, headers);
    expect([status, text]).toEqual([200, "analyst\n"]);
  }
});

test.each([
  ["none", "", {}, 401, 194, "REQUIRED_PASSWORD"],
  ["an empty password", "", basic("default", ""), 401, 194, "REQUIRED_PASSWORD"],
  ["a wrong one", "?user=default&password=wrong", {}, 403, 516, "AUTHENTICATION_FAILED"],
  ["no Basic at all", "", { authorization: "Digest x" }, 403, 516, "AUTHENTICATION_FAILED"],
  ["an expired one", "", bearer(late.token), 403, 516, "AUTHENTICATION_FAILED"],
  ["one without the scope", "", bearer(reader.token), 403, 497, "ACCESS_DENIED"],
])(
  "a request with %s is refused as ClickHouse refuses it",
  async (_kind, query, headers, status, code, name) => {
    const answer = await ask(query, headers);
    expect([answer.status, answer.headers.get("x-clickhouse-exception-code")]).toEqual([
      status,
      String(code),
    ]);
    expect(answer.text).toMatch(
      new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(${name}\\) \\(version [\\d.]+\\)\\n$`),
    );
    expect(answer.headers.get("www-authenticate") !== null).toBe(
      status === 401 || answer.text.includes("token"),
    );
  },
);

test("a token's rate holds here as well", async () => {
  expect((await ask("", bearer(hasty.token))).status).toBe(200);
  const { status, headers, text } = await ask("", bearer(hasty.token));
  expect([status, text]).toEqual([429, expect.stringContaining("QUOTA_EXCEEDED")]);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
});

test("whether it is there may be asked by anybody", async () => {
  for (const path of ["/ping", "/replicas_status"]) {
    const response = await fetch(url + path);
    expect([response.status, await response.text()]).toEqual([200, "Ok.\n"]);
  }
  const plain = await fetch(open.url);
  expect([plain.status, await plain.text()]).toEqual([200, "Ok.\n"]);
});

test("queries are killed by their own caller only", async () => {
  const other = testToken("other", ["sql"]);
  const tokens = new Tokens(parseTokens(JSON.stringify([analyst.entry, other.entry]), "the test"));
  const two = await open.open({ tokens });
  const long = "SELECT count() FROM numbers(100000000) AS a, numbers(100000000) AS b";
  const asked = post(two.url, long, "?query_id=theirs", bearer(analyst.token));
  const kill = async ({ token }: { readonly token: string }) =>
    (await post(two.url, "KILL QUERY WHERE query_id = 'theirs'", "", bearer(token))).text;
  const again = async () => (await post(two.url, "SELECT 1", "?query_id=theirs", bearer(analyst.token))).text;
  const deadline = Date.now() + 8000;
  while (!(await again()).includes("QUERY_WITH_SAME_ID") && Date.now() < deadline);
  expect(await kill(other)).toBe("");
  expect(await kill(analyst)).toContain("theirs");
  expect((await asked).text).toContain("QUERY_WAS_CANCELLED");
});

test("without tokens other names of the host and other sites' pages are kept out", async () => {
  const rebound = await requestRaw(open.url, { path: "/?query=SELECT+1", headers: { host: "evil.example" } });
  expect([rebound.status, rebound.text]).toEqual([421, expect.stringContaining("ACCESS_DENIED")]);
  const page = await requestRaw(open.url, {
    path: "/?query=SELECT+1",
    headers: { origin: "http://evil.example" },
  });
  expect([page.status, page.text]).toEqual([403, expect.stringContaining("ACCESS_DENIED")]);
});

test("what isn't a route or is too long is an exception, too", async () => {
  const missed = await fetch(`${open.url}/play`);
  expect([missed.status, await missed.text()]).toEqual([
    404,
    expect.stringMatching(/^Code: \d+\. DB::Exception/),
  ]);
  const long = await open.post(`SELECT '${"x".repeat(300 * 1024)}'`);
  expect([long.status, long.text]).toEqual([413, expect.stringContaining("QUERY_IS_TOO_LARGE")]);
  const packed = await open.post("SELECT 1", "?decompress=1");
  expect([packed.status, packed.text]).toEqual([415, expect.stringContaining("UNSUPPORTED_MEDIA_TYPE")]);
  const garbled = await open.post("SELECT 1", "?param_x=%ff");
  expect([garbled.status, garbled.text]).toEqual([400, expect.stringContaining("BAD_ARGUMENTS")]);
});

test("a store that isn't ClickHouse is refused at the start", async () => {
  const store = Object.create(open.store, { rawQuery: { value: undefined } }) as typeof open.store;
  const limits = { time: 1000, memory: 1e9, rows: 10, bytes: 1e6 };
  const opened = openProtocol({ project: "p", streams: [], store, limits, turns: new Turns(1) });
  await expect(opened).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringContaining("HEADRACE_CLICKHOUSE_PORT") as string,
  });
});
