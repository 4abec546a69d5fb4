import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startIngest, type IngestAnswer, type IngestUnderTest } from "../ingest-server.ts";
import { CLOUD_EVENT_STREAMS } from "./streams.ts";

let ingest: IngestUnderTest;
beforeEach(async () => {
  ingest = await startIngest({ streams: CLOUD_EVENT_STREAMS });
});
afterEach(async () => {
  await ingest.stop();
});

const STRUCTURED = "application/cloudevents+json";
const BATCH = "application/cloudevents-batch+json";

/** An event with all that it must have. */
const event = (id: string, more: object = {}) => ({
  specversion: "1.0",
  id,
  source: "/shop",
  type: "order.placed",
  ...more,
});

/** The headers of an event in binary mode. */
const head = (id: string, more: Readonly<Record<string, string>> = {}) => ({
  "ce-specversion": "1.0",
  "ce-id": id,
  "ce-source": "/shop",
  "ce-type": "order.placed",
  ...more,
});

const structured = (body: object): Promise<IngestAnswer> =>
  ingest.post(JSON.stringify(body), { stream: "orders", type: STRUCTURED });
const batch = (body: readonly unknown[]): Promise<IngestAnswer> =>
  ingest.post(JSON.stringify(body), { stream: "orders", type: BATCH });
const binary = (
  body: string,
  headers: Readonly<Record<string, string>>,
  type = "application/json",
): Promise<IngestAnswer> => ingest.post(body, { stream: "orders", type, headers });

const kept = () => ingest.kept("orders");
const events = async () => (await kept()).events.map((line): unknown => JSON.parse(line));

describe("data is the event", () => {
  test("in structured mode", async () => {
    const answer = await structured(event("1", { data: { order: "a", amount: 1.5 } }));
    expect([answer.status, answer.body]).toEqual([
      202,
      { accepted: 1, rejected: 0, errors: [], duplicates: 0 },
    ]);
    expect(await events()).toEqual([{ order: "a", amount: 1.5, live: false }]);
  });

  test("in a batch, compressed and with a charset too", async () => {
    const body = gzipSync(
      JSON.stringify([event("1", { data: { order: "a" } }), event("2", { data: { order: "b" } })]),
    );
    const answer = await ingest.post(body, {
      stream: "orders",
      type: `${BATCH}; charset=UTF-8`,
      headers: { "content-encoding": "gzip" },
    });
    expect(answer.body).toMatchObject({ accepted: 2 });
    expect(await events()).toMatchObject([{ order: "a" }, { order: "b" }]);
  });

  test.each(["application/json", "application/vnd.order+json; charset=utf-8", "text/json"])(
    "in binary mode as %s",
    async (type) => {
      expect((await binary('{"order":"a"}', head("1"), type)).status).toBe(202);
      expect(await events()).toMatchObject([{ order: "a" }]);
    },
  );

  test("and its numbers keep their digits", async () => {
    await ingest.post(
      '{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"order":"a","amount":0.10}}',
      {
        stream: "orders",
        type: STRUCTURED,
      },
    );
    expect((await kept()).events[0]).toContain('"amount":0.10');
  });

  test("of a stream without attributes' fields goes to the log as it came", async () => {
    await ingest.post(' {"n" : 1}', { stream: "plain", type: "application/json", headers: head("1") });
    expect((await ingest.kept("plain")).events).toEqual([' {"n" : 1}']);
  });

  test("and an empty batch is one of no events", async () => {
    const answer = await batch([]);
    expect([answer.status, answer.body]).toEqual([
      202,
      { accepted: 0, rejected: 0, errors: [], duplicates: 0 },
    ]);
  });
});

describe("attributes fill fields that data lacks", () => {
  const attributes = { time: "2024-01-01T01:00:00+01:00", subject: "cart 7" };
  const filled = {
    order: "a",
    at: attributes.time,
    about: "cart 7",
    shard: 5,
    live: true,
  };

  test("in structured mode, extensions and their types among them", async () => {
    await structured(event("1", { ...attributes, shardno: 5, live: true, data: { order: "a" } }));
    expect(await events()).toEqual([filled]);
  });

  test("in binary mode", async () => {
    await binary(
      '{"order":"a"}',
      head("1", {
        "ce-time": attributes.time,
        "ce-subject": "cart%207",
        "ce-shardno": "5",
        "ce-live": "true",
      }),
    );
    expect(await events()).toEqual([filled]);
  });

  test("null lacks it, any other value doesn't", async () => {
    await structured(event("1", { subject: "attribute", data: { order: "a", about: null } }));
    await structured(event("2", { subject: "attribute", data: { order: "b", about: "" } }));
    await structured(event("3", { subject: null, data: { order: "c", about: "data" } }));
    expect(await events()).toMatchObject([{ about: "attribute" }, { about: "" }, { about: "data" }]);
  });

  test("a value that doesn't fit is the event's error, and what is kept can be replayed", async () => {
    const answer = await structured(event("1", { time: "yesterday", data: { order: "a" } }));
    expect([answer.status, answer.body["code"]]).toEqual([422, "events_rejected"]);
    expect(answer.body["errors"]).toMatchObject([{ index: 0, path: "/at", code: "invalid_format" }]);
    expect((await kept()).rejected).toEqual(['{"order":"a","at":"yesterday"}']);
  });

  test("an event without data is one of attributes alone", async () => {
    const answer = await structured(event("1", { subject: "x" }));
    expect(answer.body["errors"]).toMatchObject([{ path: "/order", code: "required" }]);
    expect((await kept()).rejected).toEqual(['{"about":"x"}']);
    const bare = await ingest.post("", {
      stream: "orders",
      type: "",
      headers: head("2", { "ce-subject": "y" }),
    });
    expect(bare.body["errors"]).toMatchObject([{ path: "/order", code: "required" }]);
  });
});

describe("header values in binary mode", () => {
  test.each([
    ["percent-encoded UTF-8", "Gr%C3%BC%C3%9Fe%20%E2%9C%88%f0%9f%9b%ab%22%25", 'Grüße ✈🛫"%'],
    ["decoded once only", "%2520", "%20"],
    ["in quotes, with backslashes", '"a \\"b\\" \\\\"', 'a "b" \\'],
    ["with a percent sign that nothing follows", "100% %zz %a", "100% %zz %a"],
    ["with bytes of UTF-8 as they are", Buffer.from("Zürich").toString("latin1"), "Zürich"],
    ["a single quote character", '"', '"'],
  ])("are read: %s", async (_name, value, text) => {
    await binary('{"order":"a"}', head("1", { "ce-subject": value }));
    expect(await events()).toMatchObject([{ about: text }]);
  });

  test("that aren't UTF-8 reject the event, and name the header", async () => {
    const answer = await binary('{"order":"a"}', head("1", { "ce-subject": "%ff", "ce-id": "%c3" }));
    expect(answer.status).toBe(422);
    const errors = answer.body["errors"] as readonly Record<string, unknown>[];
    expect(new Set(errors.map(({ path, message }) => `${String(path)}: ${String(message)}`))).toEqual(
      new Set(["/id: the header ce-id isn't UTF-8", "/subject: the header ce-subject isn't UTF-8"]),
    );
    expect((await kept()).rejected).toEqual(['{"order":"a"}']);
  });
});

test("a header that is there twice rejects the event, and names the header", async () => {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const headers = { ...head("1"), "ce-subject": ["a", "b"], "content-type": "application/json" };
  // fetch would join the two.
  const sent = request(`${ingest.url}/v1/streams/orders/events`, { method: "POST", headers }, (response) => {
    response.resume();
    resolve(response.statusCode);
  });
  sent.on("error", reject).end('{"order":"a"}');
  expect(await promise).toBe(422);
  const again = await structured(event("1", { data: { order: "a" } }));
  expect(again.body["errors"]).toMatchObject([
    { path: "/subject", code: "invalid_cloudevent", message: "the header ce-subject is there twice" },
  ]);
});

describe("what isn't a CloudEvent 1.0 with JSON data is a rejected event with the reason", () => {
  const GOOD = event("good", { data: { order: "good" } });

  test.each<[string, unknown, string, string]>([
    [
      "another version",
      event("1", { specversion: "0.3", data: {} }),
      "/specversion",
      'CloudEvents 1.0 are taken, got "0.3"',
    ],
    [
      "a version that is a number",
      event("1", { specversion: 1.0, data: {} }),
      "/specversion",
      "expected a string, got 1",
    ],
    ["no version", event("1", { specversion: undefined }), "/specversion", "the attribute is required"],
    ["no id", event("1", { id: undefined }), "/id", "the attribute is required"],
    ["an empty id", event(""), "/id", "the attribute is empty"],
    ["an id that is a number", event("1", { id: 5 }), "/id", "expected a string, got 5"],
    ["no source", event("1", { source: undefined }), "/source", "the attribute is required"],
    ["no type", event("1", { type: null }), "/type", "the attribute is required"],
    [
      "data in base64",
      event("1", { data_base64: "e30=" }),
      "/data_base64",
      "an event's data is JSON here, not bytes: send it in data",
    ],
    [
      "XML",
      event("1", { datacontenttype: "text/xml", data: "<a/>" }),
      "/datacontenttype",
      `an event's data is JSON here, not "text/xml"`,
    ],
    [
      "an attribute that is an object",
      event("1", { shardno: {}, data: {} }),
      "/shardno",
      "expected a string, a number or a boolean, got an object",
    ],
    ["no object", 5, "", "a CloudEvent is an object, got 5"],
  ])("%s", async (_name, bad, path, message) => {
    const answer = await batch([bad, GOOD]);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: 1,
      errors: [{ index: 0, path, code: "invalid_cloudevent", message }],
    });
    const lines = await kept();
    expect(lines.rejected).toEqual([JSON.stringify(bad)]);
    expect(lines.events).toHaveLength(1);
  });

  test("data that is no object", async () => {
    const answer = await batch([event("1", { data: "text" }), event("2", { data: [] }), GOOD]);
    expect(answer.body).toMatchObject({
      accepted: 1,
      errors: [
        { index: 0, code: "invalid_type" },
        { index: 1, code: "invalid_type" },
      ],
    });
    expect((await kept()).rejected).toEqual(['"text"', "[]"]);
  });

  test("an envelope that isn't JSON, has a member twice, or isn't UTF-8", async () => {
    const body = Buffer.concat([
      Buffer.from(`[{"id":1,},{"id":"1","id":"2"},{"id":"`),
      Buffer.from([0xff]),
      Buffer.from(`"},${JSON.stringify(GOOD)}]`),
    ]);
    const answer = await ingest.post(body, { stream: "orders", type: BATCH });
    expect(answer.body).toMatchObject({
      accepted: 1,
      errors: [{ code: "invalid_json" }, { code: "duplicate_field", path: "/id" }, { code: "invalid_utf8" }],
    });
  });

  test("an envelope larger than an event and its attributes may be, and data larger than an event", async () => {
    await ingest.stop();
    ingest = await startIngest({ streams: CLOUD_EVENT_STREAMS, limits: { eventBytesMax: 1000 } });
    const answer = await batch([
      event("1", { data: { order: "x".repeat(70_000) } }),
      event("2", { data: { order: "x".repeat(1000) } }),
      GOOD,
    ]);
    expect(answer.body).toMatchObject({
      accepted: 1,
      errors: [{ code: "too_large" }, { code: "too_large" }],
    });
  });

  test.each<[string, Readonly<Record<string, string>>, string, string]>([
    [
      "in binary mode, another version",
      { ...head("1"), "ce-specversion": "0.3" },
      "application/json",
      "/specversion",
    ],
    [
      "in binary mode, no id",
      { "ce-specversion": "1.0", "ce-source": "s", "ce-type": "t" },
      "application/json",
      "/id",
    ],
    ["in binary mode, an id alone", { "ce-id": "1" }, "application/json", "/specversion"],
    ["in binary mode, text", head("1"), "text/plain", "/datacontenttype"],
    ["in binary mode, JSON lines", head("1"), "application/x-ndjson", "/datacontenttype"],
  ])("%s", async (_name, headers, type, path) => {
    const answer = await binary('{"order":"a"}', headers, type);
    expect([answer.status, answer.body["kept"]]).toEqual([422, true]);
    expect((answer.body["errors"] as unknown[])[0]).toMatchObject({ path, code: "invalid_cloudevent" });
    expect((await kept()).rejected).toEqual(['{"order":"a"}']);
  });

  test("in binary mode, a body that isn't JSON or isn't the event", async () => {
    expect((await binary("{", head("1"))).body["errors"]).toMatchObject([{ code: "invalid_json" }]);
    expect((await binary("[]", head("2"))).body["errors"]).toMatchObject([{ code: "invalid_type" }]);
    expect((await binary("{}", head("3"))).body["errors"]).toMatchObject([{ code: "required" }]);
  });
});

describe("a body that can't be read as what it says is 400, and nothing is kept", () => {
  test.each([
    ["an array in structured mode", STRUCTURED, "[]", "expected an object"],
    ["an object as a batch", BATCH, "{}", "expected an array"],
    ["a broken batch", BATCH, "[{}", '"]" is missing'],
    ["nothing", STRUCTURED, "", "empty"],
  ])("%s", async (_name, type, body, message) => {
    const answer = await ingest.post(body, { stream: "orders", type });
    expect([answer.status, answer.body["code"]]).toEqual([400, "body_unreadable"]);
    expect(answer.body["detail"]).toContain(message);
    expect(await kept()).toEqual({ events: [], rejected: [] });
  });

  test("another charset in binary mode", async () => {
    const answer = await binary("{}", head("1"), "application/json; charset=latin1");
    expect([answer.status, answer.body["code"]]).toEqual([400, "body_unreadable"]);
  });

  test.each(["application/cloudevents+avro", "application/cloudevents-batch", "application/cloudevents"])(
    "%s is 415",
    async (type) => {
      const answer = await ingest.post("{}", { stream: "orders", type, headers: head("1") });
      expect([answer.status, answer.body["code"]]).toEqual([415, "unsupported_media_type"]);
    },
  );
});

test("a stream's envelope types go before ce- headers", async () => {
  await ingest.post(JSON.stringify(event("1", { data: { order: "a" } })), {
    stream: "orders",
    type: STRUCTURED,
    headers: head("2"),
  });
  expect(await events()).toMatchObject([{ order: "a" }]);
});
