import { request } from "node:http";
import { connect } from "node:net";
import { createGunzip } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Turns } from "../../../src/serve/sql/turns.ts";
import { until } from "../../support/until.ts";
import { unframe } from "./frames.ts";
import { post, startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

// Answers that are too large to be put together: they leave as they come, and their failures with them.

let server: ProtocolServer;

beforeAll(async () => {
  server = await startProtocolServer();
});

afterAll(() => server.close());

const FAILS_LATE = "SELECT number, intDiv(1, 1500000 - number) AS x FROM numbers(2000000) FORMAT TSV";
const ENDLESS = "SELECT number, toString(number) FROM numbers(100000000) FORMAT TSV";

/** All that came until the connection was cut, and whether it was. */
function untilCut(path: string, sql: string, headers: Readonly<Record<string, string>> = {}) {
  return new Promise<{ readonly cut: boolean; readonly tag: string; readonly bytes: Buffer }>(
    (resolve, reject) => {
      const sent = request(server.url + path, { method: "POST", headers });
      sent.on("error", reject);
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        const tag = String(response.headers["x-clickhouse-exception-tag"]);
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", () => {});
        response.on("close", () => resolve({ cut: !response.complete, tag, bytes: Buffer.concat(chunks) }));
      });
      sent.end(sql);
    },
  );
}

function block(tag: string): RegExp {
  const message =
    "Code: 153\\. DB::Exception: Division by zero\\. \\(ILLEGAL_DIVISION\\) \\(version [\\d.]+\\)\\n";
  return new RegExp(
    `\\r\\n__exception__\\r\\n${tag}\\r\\n(${message})(\\d+) ${tag}\\r\\n__exception__\\r\\n$`,
  );
}

test("one that fails on its way ends with ClickHouse's block, and is cut", async () => {
  const { cut, tag, bytes } = await untilCut("/", FAILS_LATE);
  const text = bytes.toString();
  const [, message = "", length] = block(tag).exec(text) ?? [];
  expect([cut, Number(length)]).toEqual([true, Buffer.byteLength(message)]);
  expect(text.startsWith("0\t0\n1\t0\n2\t0\n")).toBe(true);
});

test("in frames the block is in the last of them", async () => {
  const { cut, tag, bytes } = await untilCut("/?compress=1", FAILS_LATE);
  expect(cut).toBe(true);
  expect(unframe(bytes).toString()).toMatch(block(tag));
});

test("compressed, the block is at the end of what can be unpacked", async () => {
  const asked = await untilCut("/?enable_http_compression=1", FAILS_LATE, { "accept-encoding": "gzip" });
  const gunzip = createGunzip();
  gunzip.end(asked.bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of gunzip) chunks.push(chunk as Buffer);
  expect([asked.cut, Buffer.concat(chunks).toString()]).toEqual([
    true,
    expect.stringMatching(block(asked.tag)),
  ]);
});

test("whole ones have no end of their own: a connection goes on after them", async () => {
  for (const query of ["", "?compress=1", "?enable_http_compression=1"]) {
    const { status, headers } = await server.post(ENDLESS.replace("100000000", "800000"), query);
    expect([status, headers.get("connection")]).toEqual([200, "keep-alive"]);
  }
});

test("a client that takes nothing is cut off, and its query makes room for the next", async () => {
  const other = await server.open({ turns: new Turns(1), stalledMax: 300 });
  const { port } = new URL(other.url);
  const client = connect(Number(port), "127.0.0.1");
  client.on("error", () => {});
  client.pause();
  client.write(
    `POST /?query_id=stalled HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${ENDLESS.length}\r\n\r\n${ENDLESS}`,
  );
  const again = async () => (await post(other.url, "SELECT 1", "?query_id=stalled")).text;
  await until(async () => (await again()).includes("QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"));
  let answered = false;
  const next = async (): Promise<void> => {
    const { text } = await post(other.url, "SELECT 1");
    answered = text === "1\n";
  };
  void next();
  await until(() => answered);
  expect(answered).toBe(true);
  client.destroy();
});

test("a client that goes away in the middle stops its query", async () => {
  const other = await server.open({ turns: new Turns(1) });
  const gone = new AbortController();
  const response = await fetch(other.url, { method: "POST", body: ENDLESS, signal: gone.signal });
  await response.body?.getReader().read();
  gone.abort();
  // There is one turn, and the query had it.
  expect((await post(other.url, "SELECT 1")).text).toBe("1\n");
});
