import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lastAnswer, rawConnection } from "../support/raw-http.ts";
import { until } from "../support/until.ts";
import { startIngest, type IngestUnderTest } from "./ingest-server.ts";

let ingest: IngestUnderTest;
beforeEach(async () => {
  ingest = await startIngest({ http: { requestTimeout: 2000, headersTimeout: 1000, checkInterval: 50 } });
});
afterEach(async () => {
  await ingest.stop();
});

const JSON_BODY = { type: "application/json" };

/** The codes of an answer's errors, by the index of the event. */
function codes(body: Record<string, unknown>): unknown[] {
  const errors = body["errors"] as readonly { readonly index: number; readonly code: string }[];
  return errors.map(({ index, code }) => [index, code]);
}

function end(): number {
  return ingest.log.status("flights", 0).end.offset;
}

describe("a JSON document that can't be read is 400 and nothing of it is kept", () => {
  test.each([
    ["empty", ""],
    ["white space", " \n"],
    ["cut off in an array", `[{"n":1},{"n":2}`],
    ["cut off in an event", `[{"n":1},{"n":`],
    ["cut off in a string", `{"n":1,"note":"abc`],
    ["two documents", `{"n":1}{"n":2}`],
    ["lines", `{"n":1}\n{"n":2}\n`],
    ["a missing comma", `[{"n":1} {"n":2}]`],
    ["a spare comma", `[{"n":1},]`],
    ["text behind it", `[{"n":1}] x`],
    ["a number", "1"],
    ["NUL bytes", "\0\0\0"],
    ["UTF-16", Buffer.from(`[{"n":1}]`, "utf16le")],
  ])("%s", async (_name, body) => {
    const answer = await ingest.post(body, JSON_BODY);
    expect([answer.status, answer.body["code"]]).toEqual([400, "body_unreadable"]);
    expect(end()).toBe(0);
  });

  test("an empty NDJSON body is 400 too", async () => {
    const answer = await ingest.post("");
    expect([answer.status, answer.body["code"]]).toEqual([400, "body_unreadable"]);
  });
});

describe("an event that can't be read is rejected and kept, and its neighbours are accepted", () => {
  test.each([
    ["cut off", `{"n":`],
    ["two on a line", `{"n":1}{"n":2}`],
    ["an array", `[{"n":1}]`],
    ["a NUL byte", `{"n":1\0}`],
    ["a raw NUL in a string", `{"n":1,"note":"\0"}`],
    ["NaN", `{"n":NaN}`],
    ["a number beyond double", `{"n":1e400}`],
    ["an integer beyond 2^53", `{"n":9007199254740993}`],
    ["an integer beyond the column", `{"n":2147483648}`],
    ["a fraction", `{"n":1.5}`],
    ["a __proto__ key", `{"n":1,"__proto__":{"x":1}}`],
    ["a constructor key", `{"n":1,"constructor":{"prototype":{}}}`],
    ["doubled keys", `{"n":1,"n":2}`],
    ["a lone surrogate", `{"n":1,"note":"\\ud800"}`],
    ["deep nesting", `{"n":1,"note":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
    ["a byte order mark in the middle", `\uFEFF{"n":1}`],
  ])("%s", async (_name, event) => {
    const answer = await ingest.post(`{"n":1}\n${event}\n{"n":3}\n`);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ accepted: 2, rejected: 1 });
    expect(new Set(codes(answer.body).map((error) => JSON.stringify((error as unknown[])[0])))).toEqual(
      new Set(["1"]),
    );
    expect(await ingest.kept()).toEqual({ events: [`{"n":1}`, `{"n":3}`], rejected: [event] });
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  test("invalid UTF-8", async () => {
    const bad = Buffer.concat([Buffer.from(`{"n":2,"note":"`), Buffer.from([0xff, 0xfe]), Buffer.from(`"}`)]);
    const answer = await ingest.post(
      Buffer.concat([Buffer.from(`{"n":1}\n`), bad, Buffer.from(`\n{"n":3}`)]),
    );
    expect(answer.body).toMatchObject({ accepted: 2, rejected: 1 });
    expect(codes(answer.body)).toEqual([[1, "invalid_utf8"]]);
    expect(await ingest.kept()).toEqual({ events: [`{"n":1}`, `{"n":3}`], rejected: [bad.toString("utf8")] });
  });

  test("an event of 5 MB among small ones", async () => {
    const large = `{"n":2,"note":"${"x".repeat(5_000_000)}"}`;
    for (const [body, options] of [
      [`{"n":1}\n${large}\n{"n":3}\n`, {}],
      [`[{"n":1},${large},{"n":3}]`, JSON_BODY],
    ] as const) {
      const answer = await ingest.post(body, options);
      expect(answer.body).toMatchObject({ accepted: 2, rejected: 1 });
      expect(codes(answer.body)).toEqual([[1, "too_large"]]);
    }
    const { events, rejected } = await ingest.kept();
    expect(events.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual([1, 3, 1, 3]);
    expect(rejected.every((text) => large.startsWith(text) && text.length >= 64_000)).toBe(true);
  });
});

describe("spellings that are no fault", () => {
  test.each([
    ["a byte order mark", `\uFEFF{"n":1}\n{"n":2}\n`],
    ["CRLF", `{"n":1}\r\n{"n":2}\r\n`],
    ["no final newline", `{"n":1}\n{"n":2}`],
    ["blank lines and white space", `\n\n  {"n":1}  \n \t\r\n\n{"n":2}\n\n\n`],
    ["more white space than is kept", `{"n":1}${" ".repeat(1000)}\n${"\n".repeat(1000)}{"n":2}`],
  ])("%s", async (_name, body) => {
    expect((await ingest.post(body)).body).toEqual({ accepted: 2, rejected: 0, errors: [] });
    const { events } = await ingest.kept();
    expect(events.map((line) => line.trim())).toEqual([`{"n":1}`, `{"n":2}`]);
  });

  test("a byte order mark before a JSON document, and nesting and NUL as text", async () => {
    const body = `\uFEFF[{"n":1,"note":"[[[\\u0000]]] }{"}]`;
    expect((await ingest.post(body, JSON_BODY)).body).toMatchObject({ accepted: 1 });
  });
});

const POST = `POST /v1/streams/flights/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n`;
const head = (length: number | string): string => `${POST}Content-Length: ${length}\r\n\r\n`;

describe("connections that don't do as they say", () => {
  test("a body shorter than its Content-Length, then silence: 408, nothing kept", async () => {
    const connection = await rawConnection(ingest.url);
    connection.send(`${head(100)}{"n":1}\n`);
    expect(lastAnswer(await connection.closed())).toMatchObject({
      status: 408,
      body: { code: "request_timeout" },
    });
    expect(end()).toBe(0);
  });

  test("a body shorter than its Content-Length, then the end: 400, nothing kept", async () => {
    const connection = await rawConnection(ingest.url);
    connection.send(`${head(100)}{"n":1}\n`);
    connection.socket.end();
    expect(lastAnswer(await connection.closed())).toMatchObject({
      status: 400,
      body: { code: "body_unreadable" },
    });
    expect(end()).toBe(0);
  });

  test("a body longer than its Content-Length: what was announced counts, the rest is no request", async () => {
    const connection = await rawConnection(ingest.url);
    connection.send(`${head(8)}{"n":1}\n{"n":2}\n`);
    const text = await connection.closed();
    expect(text).toContain(`{"accepted":1,"rejected":0,"errors":[]}`);
    expect(lastAnswer(text)).toMatchObject({ status: 400, body: { code: "bad_request" } });
    expect((await ingest.kept()).events).toEqual([`{"n":1}`]);
  });

  test.each(["-1", "1e3", "8, 9", "99999999999999999999999"])(
    "a Content-Length of %s is 400",
    async (length) => {
      const connection = await rawConnection(ingest.url);
      connection.send(`${head(length)}{"n":1}\n`);
      expect(lastAnswer(await connection.closed())).toMatchObject({ status: 400 });
      expect(end()).toBe(0);
    },
  );

  test("a connection that breaks in the middle of a body leaves nothing", async () => {
    const connection = await rawConnection(ingest.url);
    connection.send(`${head(1000)}{"n":1}\n{"n":2}\n`);
    await until(() => connection.socket.bytesWritten > 100);
    connection.socket.resetAndDestroy();
    await connection.closed();
    // Whatever the server still had to do for it is done before the answer to a later request.
    expect((await ingest.post(`{"n":9}\n`)).status).toBe(202);
    expect((await ingest.kept()).events).toEqual([`{"n":9}`]);
  });

  test("chunked bodies: a broken one leaves nothing, one that trickles in is 408", async () => {
    const chunked = `${head(0).replace("Content-Length: 0", "Transfer-Encoding: chunked")}8\r\n{"n":1}\n\r\n`;
    const garbage = await rawConnection(ingest.url);
    garbage.send(`${chunked}ZZ\r\n`);
    expect(lastAnswer(await garbage.closed())).toMatchObject({ status: 400 });
    const slow = await rawConnection(ingest.url);
    slow.send(chunked);
    const trickle = setInterval(() => slow.send(`8\r\n{"n":1}\n\r\n`), 50);
    const text = await slow.closed();
    clearInterval(trickle);
    expect(lastAnswer(text)).toMatchObject({ status: 408 });
    expect(end()).toBe(0);
  });

  test("a whole chunked body is taken", async () => {
    const connection = await rawConnection(ingest.url);
    connection.send(head(0).replace("Content-Length: 0", "Connection: close\r\nTransfer-Encoding: chunked"));
    connection.send(`3\r\n{"n\r\n5\r\n":1}\n\r\n0\r\n\r\n`);
    expect(lastAnswer(await connection.closed())).toMatchObject({ status: 202, body: { accepted: 1 } });
  });

  test("2,000 idle connections are closed in time and don't keep others from being served", async () => {
    const idle: Socket[] = [];
    const { hostname, port } = new URL(ingest.url);
    let closed = 0;
    for (let i = 0; i < 2000; i++) {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on("error", () => {}).on("close", () => (closed += 1));
      socket.resume();
      idle.push(socket);
      await once(socket, "connect");
    }
    expect((await ingest.post(`{"n":1}\n`)).status).toBe(202);
    await until(() => closed === idle.length);
    expect((await ingest.post(`{"n":2}\n`)).status).toBe(202);
  });
});

describe("the stop", () => {
  test("a body that is on its way is taken, a new request is 503 and keeps nothing", async () => {
    const slow = await rawConnection(ingest.url);
    slow.send(`${POST}Content-Length: 16\r\n\r\n{"n":1}\n`);
    const other = await rawConnection(ingest.url);
    other.send(`${POST}Content-Length: 8\r\n\r\n{"n":5}\n`);
    await until(() => other.received().includes("accepted"));
    const closing = ingest.server.close();
    other.send(`${POST}Content-Length: 8\r\n\r\n{"n":6}\n`);
    expect(lastAnswer(await other.closed())).toMatchObject({ status: 503, body: { code: "draining" } });
    slow.send(`{"n":2}\n`);
    const answer = await slow.closed();
    expect(lastAnswer(answer)).toMatchObject({ status: 202, body: { accepted: 2 } });
    expect(answer).toMatch(/connection: close/i);
    await closing;
    expect((await ingest.kept()).events).toEqual([`{"n":5}`, `{"n":1}`, `{"n":2}`]);
  });

  test("whoever waits for the loader is answered with 202 soon after the stop begins", async () => {
    await ingest.stop();
    let waiting = false;
    ingest = await startIngest({
      stored: () => {
        waiting = true;
        return new Promise(() => {});
      },
    });
    const answer = ingest.post(`{"n":1}\n`, { query: "?wait=stored" });
    await until(() => waiting);
    const closing = ingest.server.close();
    expect(await answer).toMatchObject({ status: 202, body: { accepted: 1, stored: null } });
    await closing;
  });
});
