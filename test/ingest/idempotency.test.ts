import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KeyedRanges } from "../../src/ingest/idempotency.ts";
import { KEYED_RANGES_MAX } from "../../src/ingest/limits.ts";
import { rawConnection, lastAnswer } from "../support/raw-http.ts";
import { until } from "../support/until.ts";
import { startIngest, type IngestUnderTest } from "./ingest-server.ts";

let ingest: IngestUnderTest;
beforeEach(async () => {
  ingest = await startIngest();
});
afterEach(async () => {
  await ingest.stop();
});

const BODY = `{"n":1}\n{"n":2}\n{"n":"bad"}\n`;
const keyed = (key: string) => ({ headers: { "idempotency-key": key } });

test("the same key with the same body gives the first answer again, and the events count once", async () => {
  const first = await ingest.post(BODY, keyed("a"));
  const second = await ingest.post(BODY, keyed("a"));
  expect(first.headers.has("idempotency-replayed")).toBe(false);
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect([second.status, second.body]).toEqual([first.status, first.body]);
  const { events, rejected } = await ingest.kept();
  expect([events.length, rejected.length]).toEqual([2, 1]);
});

test("the body is the same however it is compressed and whichever name its media type has", async () => {
  await ingest.post(BODY, keyed("a"));
  const second = await ingest.post(gzipSync(BODY), {
    type: "application/jsonl; charset=utf-8",
    headers: { "idempotency-key": "a", "content-encoding": "gzip" },
  });
  expect([second.status, second.headers.get("idempotency-replayed")]).toEqual([202, "true"]);
});

test.each([
  ["another body", `{"n":3}\n`, {}],
  ["another media type", `{"n":1}`, { type: "application/json" }],
  ["another on_invalid", `{"n":1}`, { query: "?on_invalid=fail" }],
])("%s with a used key is 422, and nothing of it is kept", async (_name, body, options) => {
  await ingest.post(`{"n":1}`, keyed("a"));
  const answer = await ingest.post(body, { ...keyed("a"), ...options });
  expect([answer.status, answer.body["code"]]).toEqual([422, "idempotency_key_reused"]);
  expect((await ingest.kept()).events).toHaveLength(1);
});

test("an all-bad batch that was kept is remembered with its 422", async () => {
  const first = await ingest.post("bad\n", keyed("a"));
  const second = await ingest.post("bad\n", keyed("a"));
  expect([first.status, second.status]).toEqual([422, 422]);
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect(second.body).toMatchObject({ accepted: 0, rejected: 1, kept: true, errors: first.body["errors"] });
  expect((await ingest.kept()).rejected).toHaveLength(1);
});

test.each([
  ["on_invalid=fail", "bad\n", { query: "?on_invalid=fail" }, 422],
  ["a body that can't be read", "[", { type: "application/json" }, 400],
  ["an empty array", "[]", { type: "application/json" }, 202],
  ["an unknown parameter", "bad\n", { query: "?what" }, 400],
])("an answer that wrote nothing (%s) isn't remembered", async (_name, body, options, status) => {
  expect((await ingest.post(body, { ...keyed("a"), ...options })).status).toBe(status);
  const answer = await ingest.post(`{"n":1}\n`, keyed("a"));
  expect([answer.status, answer.headers.has("idempotency-replayed")]).toEqual([202, false]);
});

test("keys of different streams have nothing to do with each other", async () => {
  await ingest.post(`{"n":1}`, keyed("a"));
  const other = await ingest.post(`{"n":2}`, { ...keyed("a"), stream: "defaults" });
  expect([other.status, other.headers.has("idempotency-replayed")]).toEqual([202, false]);
});

test("while the first is in flight the second is 409, and the first is not disturbed", async () => {
  const slow = await rawConnection(ingest.url);
  slow.send(
    `POST /v1/streams/flights/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n` +
      `Idempotency-Key: a\r\nConnection: close\r\nContent-Length: ${BODY.length}\r\n\r\n`,
  );
  await until(async () => {
    const second = await ingest.post("{", { ...keyed("a"), type: "application/json" });
    if (second.status !== 409) return false;
    expect(second.body["code"]).toBe("idempotency_key_in_flight");
    expect(second.headers.get("retry-after")).toBe("1");
    return true;
  });
  slow.send(BODY);
  expect(lastAnswer(await slow.closed())).toMatchObject({ status: 202, body: { accepted: 2 } });
  expect((await ingest.post(BODY, keyed("a"))).headers.get("idempotency-replayed")).toBe("true");
});

test("a key is free again when the connection of its first request breaks", async () => {
  const broken = await rawConnection(ingest.url);
  broken.send(
    `POST /v1/streams/flights/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n` +
      `Idempotency-Key: a\r\nContent-Length: 1000\r\n\r\n{"n":1}\n`,
  );
  await until(
    async () => (await ingest.post("{", { ...keyed("a"), type: "application/json" })).status === 409,
  );
  broken.socket.destroy();
  await until(async () => (await ingest.post(BODY, keyed("a"))).status === 202);
  expect((await ingest.kept()).events).toHaveLength(2);
});

test("of twenty at once with one key, one is kept and the others replay it or are told to wait", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => ingest.post(BODY, keyed("a"))));
  expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
  expect(
    answers.filter(({ status, headers }) => status === 202 && !headers.has("idempotency-replayed")),
  ).toHaveLength(1);
  expect((await ingest.kept()).events).toHaveLength(2);
});

test("a replay with wait=stored says what became of the first request's batch", async () => {
  const first = await ingest.post(BODY, { ...keyed("a"), query: "?wait=stored" });
  const second = await ingest.post(BODY, { ...keyed("a"), query: "?wait=stored" });
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect([second.status, second.body]).toEqual([200, first.body]);
});

const range = (offset: number) => ({ partition: 0, position: { log: "l", offset }, events: 1, rejected: 0 });

test("the places of the latest keys' batches are remembered, older ones are forgotten", () => {
  const ranges = new KeyedRanges();
  for (let n = 0; n <= KEYED_RANGES_MAX; n++) ranges.remember("flights", `${n}`, range(n));
  expect(ranges.find("flights", "0")).toBeUndefined();
  expect(ranges.find("flights", "1")).toEqual(range(1));
  expect(ranges.find("flights", `${KEYED_RANGES_MAX}`)).toEqual(range(KEYED_RANGES_MAX));
  expect(ranges.find("clicks", "1")).toBeUndefined();
});

test("a key of 255 printable characters is taken, what isn't one is 400", async () => {
  expect((await ingest.post(BODY, keyed(`~${"k".repeat(253)}!`))).status).toBe(202);
  for (const key of ["k".repeat(256), "ümlaut", ""]) {
    const answer = await ingest.post(BODY, keyed(key));
    expect([key.length, answer.status, answer.body["code"]]).toEqual([key.length, 400, "bad_request"]);
  }
});
