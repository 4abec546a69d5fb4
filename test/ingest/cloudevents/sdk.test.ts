import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from "cloudevents";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startIngest, type IngestUnderTest } from "../ingest-server.ts";
import { CLOUD_EVENT_STREAMS } from "./streams.ts";

let ingest: IngestUnderTest;
let url: string;
beforeEach(async () => {
  ingest = await startIngest({ streams: CLOUD_EVENT_STREAMS });
  url = `${ingest.url}/v1/streams/orders/events`;
});
afterEach(async () => {
  await ingest.stop();
});

const order = (id: string, data: unknown = { order: `order ${id}` }) =>
  new CloudEvent({
    id,
    source: "https://shop.example/carts/7",
    type: "com.example.order",
    subject: "cart 7",
    time: "2024-05-06T07:08:09.123Z",
    shardno: 5,
    data,
  });

const kept = async () => (await ingest.kept("orders")).events.map((line): unknown => JSON.parse(line));
const filled = (id: string) => ({
  order: `order ${id}`,
  at: "2024-05-06T07:08:09.123Z",
  about: "cart 7",
  shard: 5,
  live: false,
});

test("the official SDK's own emitter sends events in binary and structured mode", async () => {
  await emitterFor(httpTransport(url), { mode: Mode.BINARY })(order("1"));
  await emitterFor(httpTransport(url), { mode: Mode.STRUCTURED })(order("2"));
  expect(await kept()).toEqual([filled("1"), filled("2")]);
});

test("what it sends twice, in either mode, counts once", async () => {
  for (const message of [HTTP.binary(order("1")), HTTP.structured(order("1")), HTTP.binary(order("1"))]) {
    const response = await fetch(url, {
      method: "POST",
      headers: message.headers as Record<string, string>,
      body: String(message.body),
    });
    expect(response.status).toBe(202);
  }
  expect(await kept()).toEqual([filled("1")]);
});

test("a batch of its events is taken, with binary data among them rejected", async () => {
  const events = [order("1"), order("2", new Uint8Array([1, 2, 3])), order("3")];
  const body = JSON.stringify(events);
  const headers = { "content-type": "application/cloudevents-batch+json" };
  // It reads what it wrote: the batch is one to the SDK itself.
  expect(HTTP.toEvent({ headers, body })).toHaveLength(3);
  const response = await fetch(url, { method: "POST", headers, body });
  expect(await response.json()).toMatchObject({
    accepted: 2,
    rejected: 1,
    errors: [{ index: 1, path: "/data_base64", code: "invalid_cloudevent" }],
  });
  expect(await kept()).toEqual([filled("1"), filled("3")]);
});
