import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SETTINGS } from "../../src/settings.ts";
import { INGEST_LIMIT_SETTINGS, INGEST_LIMITS } from "../../src/ingest/limits.ts";
import { HeadraceError } from "../../src/errors.ts";
import { until } from "../support/until.ts";
import { startIngest, type IngestTestOptions, type IngestUnderTest } from "./ingest-server.ts";

let ingest: IngestUnderTest;
beforeEach(async () => {
  ingest = await startIngest();
});
afterEach(async () => {
  await ingest.stop();
});

async function restart(options: IngestTestOptions): Promise<void> {
  await ingest.stop();
  ingest = await startIngest(options);
}

const GOOD = `{"n":1}\n{"n":2}\n`;
const MIXED = `{"n":1}\n{"n":"two"}\n{"n":3}\n`;
const BAD = `{"n":"one"}\nnot json\n`;

describe("what is accepted", () => {
  test("good NDJSON is 202, and the log holds its bytes as they came", async () => {
    const body = `{"n":1}\n{ "note" : "two" , "n":2 }\n`;
    const answer = await ingest.post(body);
    expect([answer.status, answer.body]).toEqual([202, { accepted: 2, rejected: 0, errors: [] }]);
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect((await ingest.kept()).events.join("\n")).toBe(body.trimEnd());
  });

  test("a JSON object is one event and an array one an element", async () => {
    const json = { type: "application/json" };
    expect((await ingest.post(`{"n":1}`, json)).body).toMatchObject({ accepted: 1 });
    expect((await ingest.post(`[{"n":2},{"n":3}, {"n":4}\n,\n{"n":5}]`, json)).body).toMatchObject({
      accepted: 4,
    });
    const { events } = await ingest.kept();
    expect(events.map((line) => JSON.parse(line) as unknown)).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })));
  });

  test("newlines between tokens never reach the log", async () => {
    const answer = await ingest.post(`[\n  {\n    "n": 1,\r\n    "note": "a"\n  },\n  {"n": 2}\n]\n`, {
      type: "application/json",
    });
    expect(answer.body).toEqual({ accepted: 2, rejected: 0, errors: [] });
    const { events } = await ingest.kept();
    expect(events.map((line) => JSON.parse(line) as unknown)).toEqual([{ n: 1, note: "a" }, { n: 2 }]);
  });

  test("what a default fills in is in the log, in the order of the events", async () => {
    const events = Array.from({ length: 3000 }, (_, n) => (n % 3 === 0 ? { n, source: "x" } : { n }));
    const answer = await ingest.post(JSON.stringify(events), {
      type: "application/json",
      stream: "defaults",
    });
    expect(answer.body).toMatchObject({ accepted: 3000 });
    const { events: kept } = await ingest.kept("defaults");
    expect(kept.map((line) => JSON.parse(line) as unknown)).toEqual(
      events.map((event) => ({ source: "unknown", ...event })),
    );
  });

  test("an empty array is 202 with nothing, and nothing is kept", async () => {
    const answer = await ingest.post("[]", { type: "application/json" });
    expect([answer.status, answer.body]).toEqual([202, { accepted: 0, rejected: 0, errors: [] }]);
    expect(ingest.log.status("flights", 0).end.offset).toBe(0);
  });

  test.each([
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "Application/X-NDJSON; charset=UTF-8",
    `application/jsonl;charset="utf8"`,
    "application/x-ndjson; header=present",
  ])("%s is NDJSON", async (type) => {
    expect((await ingest.post(GOOD, { type })).body).toMatchObject({ accepted: 2 });
  });
});

describe("what is rejected", () => {
  test("bad events are kept as rejected with their reasons, good ones are accepted", async () => {
    const answer = await ingest.post(MIXED);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ accepted: 2, rejected: 1 });
    expect(answer.body["errors"]).toEqual([
      { index: 1, path: "/n", code: "invalid_type", message: expect.any(String) as string },
    ]);
    expect(await ingest.kept()).toEqual({ events: [`{"n":1}`, `{"n":3}`], rejected: [`{"n":"two"}`] });
  });

  test("all bad is 422 with the same fields, and all are kept", async () => {
    const answer = await ingest.post(BAD);
    expect(answer.status).toBe(422);
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({ code: "events_rejected", accepted: 0, rejected: 2, kept: true });
    expect(answer.body["errors"]).toHaveLength(2);
    expect(await ingest.kept()).toEqual({ events: [], rejected: [`{"n":"one"}`, "not json"] });
  });

  test("a single bad event is spoken of as one", async () => {
    const kept = await ingest.post(`{"n":"one"}`);
    expect(kept.body["detail"]).toBe("The event doesn't fit and is kept as rejected");
    const refused = await ingest.post(`{"n":"one"}`, { query: "?on_invalid=fail" });
    expect(refused.body["detail"]).toBe(
      "The event doesn't fit and is refused: with on_invalid=fail nothing is kept",
    );
  });

  test("with on_invalid=fail one bad event refuses all, and nothing is kept", async () => {
    const answer = await ingest.post(MIXED, { query: "?on_invalid=fail" });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: "events_rejected", accepted: 0, rejected: 1, kept: false });
    expect(answer.body["detail"]).toContain("1 of the 3 events");
    expect(ingest.log.status("flights", 0).end.offset).toBe(0);
    expect((await ingest.post(GOOD, { query: "?on_invalid=fail" })).status).toBe(202);
  });

  test("the answer lists the first 100 errors and counts them all", async () => {
    const answer = await ingest.post(`{"n":1}\n${`{"n":null}\n`.repeat(250)}`);
    expect(answer.body).toMatchObject({ accepted: 1, rejected: 250 });
    expect(answer.body["errors"]).toHaveLength(100);
    expect((await ingest.kept()).rejected).toHaveLength(250);
  });
});

describe("?wait=stored", () => {
  test("is 200 with what the loader says once the batch is queryable", async () => {
    const asked: number[] = [];
    await restart({
      stored: async (events) => {
        asked.push(events);
        return { stored: 1, duplicates: 1, refused: 0 };
      },
    });
    const answer = await ingest.post(`{"n":1}\n{"n":2}\nbad\n`, { query: "?wait=stored" });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ accepted: 2, rejected: 1, stored: 1, duplicates: 1, refused: 0 });
    expect(asked).toEqual([2]);
  });

  test("is 202 with null when it isn't queryable in time, and when the loader fails: never 5xx once durable", async () => {
    await restart({ stored: async () => undefined });
    const late = await ingest.post(GOOD, { query: "?wait=stored" });
    expect([late.status, late.body]).toEqual([
      202,
      { accepted: 2, rejected: 0, errors: [], stored: null, duplicates: null },
    ]);
    await restart({ stored: () => Promise.reject(new HeadraceError("store_failed", "gone")) });
    expect(await ingest.post(GOOD, { query: "?wait=stored" })).toMatchObject({
      status: 202,
      body: { stored: null },
    });
  });

  test("has nothing to wait for in an empty batch, and doesn't wait for rejected events", async () => {
    await restart({ stored: () => new Promise(() => {}) });
    const empty = await ingest.post("[]", { type: "application/json", query: "?wait=stored" });
    expect([empty.status, empty.body]).toMatchObject([200, { stored: 0, duplicates: 0 }]);
    expect((await ingest.post(BAD, { query: "?wait=stored" })).status).toBe(422);
  });
});

describe("what is refused by its head", () => {
  test.each([
    ["?wait=yes", "wait"],
    ["?wait=stored&wait=stored", "wait"],
    ["?on_invalid=ignore", "on_invalid"],
    ["?on_invald=fail", "on_invald"],
    ["?__proto__=1", "__proto__"],
  ])("the query %s is 400 and names %s", async (query, parameter) => {
    const answer = await ingest.post(GOOD, { query });
    expect([answer.status, answer.body["code"], answer.body["parameter"]]).toEqual([
      400,
      "bad_parameter",
      parameter,
    ]);
  });

  test("a misspelt parameter is told the right one", async () => {
    expect((await ingest.post(GOOD, { query: "?on_invald=fail" })).body["detail"]).toContain(
      `did you mean "on_invalid"`,
    );
  });

  test.each(["text/plain", "application/xml", "constructor", "application/json-seq", ";;;"])(
    "the media type %s is 415",
    async (type) => {
      const answer = await ingest.post(GOOD, { type });
      expect([answer.status, answer.body["code"]]).toEqual([415, "unsupported_media_type"]);
    },
  );

  test("a body without a media type is 415", async () => {
    const response = await fetch(`${ingest.url}/v1/streams/flights/events`, {
      method: "POST",
      body: new Uint8Array(Buffer.from(GOOD)),
    });
    expect([response.status, await response.json()]).toMatchObject([415, { code: "unsupported_media_type" }]);
  });

  test.each(["gzip, br", "compress", "gzip,gzip", ""])("the content encoding %j is 415", async (encoding) => {
    const answer = await ingest.post(GOOD, { headers: { "content-encoding": encoding } });
    expect([answer.status, answer.body["code"]]).toEqual([415, "unsupported_media_type"]);
  });

  test("another charset is 400", async () => {
    const answer = await ingest.post(GOOD, { type: "application/json; charset=latin1" });
    expect([answer.status, answer.body["code"]]).toEqual([400, "body_unreadable"]);
  });

  test("an unknown stream is 404 with the nearest name", async () => {
    const answer = await ingest.post(GOOD, { stream: "flight" });
    expect([answer.status, answer.body["code"], answer.body["nearest"]]).toEqual([
      404,
      "unknown_stream",
      "flights",
    ]);
    expect((await ingest.post(GOOD, { stream: "__proto__" })).status).toBe(404);
    expect((await ingest.post(GOOD, { stream: encodeURIComponent("' OR 1=1 --") })).status).toBe(404);
  });

  test("nothing of what was refused is kept", async () => {
    await ingest.post(GOOD, { query: "?wait=yes" });
    await ingest.post(GOOD, { type: "text/plain" });
    await ingest.post(GOOD, { type: "application/json; charset=latin1" });
    expect(ingest.log.status("flights", 0).end.offset).toBe(0);
  });
});

test("the observer hears of what is kept and of every answer of a declared stream", async () => {
  const heard: unknown[] = [];
  await restart({
    observer: {
      kept: (stream, accepted, rejected, bytes) =>
        void heard.push(["kept", stream, accepted, rejected, bytes]),
      answered: (stream, status) => void heard.push(["answered", stream, status]),
    },
  });
  await ingest.post(MIXED);
  await ingest.post(MIXED, { query: "?on_invalid=fail" });
  await ingest.post(MIXED, { stream: "nowhere" });
  await until(() => heard.length === 3);
  expect(heard).toEqual([
    ["kept", "flights", 2, 1, Buffer.byteLength(MIXED)],
    ["answered", "flights", 202],
    ["answered", "flights", 422],
  ]);
});

test("each limit has the setting and the default that the settings' table gives it", () => {
  const settings = new Map<string, unknown>(
    Object.values(SETTINGS).map((setting) => [setting.env, setting.default]),
  );
  for (const [name, env] of Object.entries(INGEST_LIMIT_SETTINGS)) {
    expect([env, settings.get(env)]).toEqual([env, INGEST_LIMITS[name as keyof typeof INGEST_LIMITS]]);
  }
});
