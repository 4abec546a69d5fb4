import { afterEach, expect, test } from "vitest";
import { type ClientOptions, type SendResult } from "../../../src/cli/generate/runtime/api.ts";
import { buildClient } from "../../../src/cli/generate/runtime/build-client.ts";
import { until } from "../../support/until.ts";
import { startFlakyServer, type FlakyServer, type Mood } from "./flaky-server.ts";

interface Stream {
  send(events: unknown): Promise<SendResult<unknown>>;
}

const MIB = 2 ** 20;
let server: FlakyServer;

afterEach(async () => {
  await server.close();
});

async function connect(mood: (index: number) => Mood, options: Partial<ClientOptions>) {
  server = await startFlakyServer(mood);
  const client = buildClient({ url: server.url, ...options }, ["numbers", "others"], {}, []);
  return { client, stream: client["numbers"] as Stream, others: client["others"] as Stream };
}

test(
  "100 MB offered to a stalled server stay with their source, and all arrive once it goes on",
  { timeout: 120_000 },
  async () => {
    const maxQueuedBytes = 4 * MIB;
    const { client, stream } = await connect(() => "stall", { maxQueuedBytes });
    const text = "x".repeat(1000);
    const count = 100_000;
    let read = 0;
    function* source() {
      while (read < count) yield { n: read++, text };
    }
    const before = memory();
    const sent = stream.send(source());
    await until(() => server.requests.length === 1);
    expect(client.queuedBytes).toBeLessThanOrEqual(maxQueuedBytes);
    expect(client.queuedBytes).toBeGreaterThan(maxQueuedBytes - 2000);
    expect(read * 1000).toBeLessThan(maxQueuedBytes);
    // Nothing moves while the server stands still.
    const readWhileStalled = read;
    await until(() => memory() - before < 4 * maxQueuedBytes);
    expect(read).toBe(readWhileStalled);

    server.goOn();
    let highest = 0;
    const watch = setInterval(() => (highest = Math.max(highest, client.queuedBytes)), 1);
    expect(await sent).toMatchObject({ accepted: count, rejected: 0 });
    clearInterval(watch);
    expect(highest).toBeLessThanOrEqual(maxQueuedBytes);
    expect(client.queuedBytes).toBe(0);
    expect(server.accepted.every(({ n }, index) => n === index)).toBe(true);
  },
);

/** Bytes in use. */
function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test("the bound is for all streams together, and waiting sends keep their order", async () => {
  const { client, stream, others } = await connect(() => "stall", { maxQueuedBytes: 200, batchEvents: 1 });
  const sends = [0, 1, 2, 3, 4].map((n) => stream.send({ n, text: "0123456789" }));
  const other = others.send({ n: 9 });
  await until(() => server.requests.length === 1);
  expect(client.queuedBytes).toBeLessThanOrEqual(200);
  server.goOn();
  await Promise.all([...sends, other]);
  const order = server.accepted.map(({ n }) => n).filter((n) => n !== 9);
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test("an event larger than the bound is sent when nothing else is queued", async () => {
  const { stream } = await connect(() => "good", { maxQueuedBytes: 10 });
  expect(await stream.send([{ n: 1 }, { n: 2, text: "x".repeat(100) }, { n: 3 }])).toMatchObject({
    accepted: 3,
  });
  expect(server.accepted.map(({ n }) => n)).toEqual([1, 2, 3]);
});

test('with onFull "reject" a send that finds no room takes none, and says so', async () => {
  const { client, stream } = await connect(() => "stall", { maxQueuedBytes: 5 * 71 + 80, onFull: "reject" });
  const first = stream.send(Array.from({ length: 5 }, (_, n) => ({ n })));
  const queued = client.queuedBytes;
  expect(queued).toBe(5 * 71);
  const full = { code: "queue_full", retryable: true, uncertain: false };
  await expect(stream.send(Array.from({ length: 5 }, (_, n) => ({ n })))).rejects.toMatchObject(full);
  await expect(stream.send({ n: 1, text: "x".repeat(20) })).rejects.toMatchObject(full);
  await expect(stream.send(new Set([{ n: 1, text: "x".repeat(20) }]))).rejects.toMatchObject(full);
  expect(client.queuedBytes).toBe(queued);
  const second = stream.send({ n: 5 });
  server.goOn();
  await Promise.all([first, second]);
  expect(server.accepted.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5]);
});
