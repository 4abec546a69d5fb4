import { afterEach, expect, test } from "vitest";
import {
  HeadraceClientError,
  type ClientOptions,
  type SendResult,
} from "../../../src/cli/generate/runtime/api.ts";
import { buildClient } from "../../../src/cli/generate/runtime/build-client.ts";
import { until } from "../../support/until.ts";
import { startFlakyServer, type FlakyServer, type Mood, type Numbered } from "./flaky-server.ts";

// What `send` promises, against a server that drops connections, says that it is busy, and loses its replies.

interface Stream {
  send(events: unknown, options?: { readonly signal?: AbortSignal }): Promise<SendResult<Numbered>>;
}

let server: FlakyServer;
const RETRIES_TIMEOUT = 60_000;

afterEach(async () => {
  await server.close();
});

async function connect(mood?: (index: number) => Mood, options: Partial<ClientOptions> = {}) {
  server = await startFlakyServer(mood);
  const client = buildClient({ url: server.url, ...options }, ["numbers"], {}, []);
  return { client, stream: client["numbers"] as Stream };
}

function numbers(count: number, from = 0): Numbered[] {
  return Array.from({ length: count }, (_, index) => ({ n: from + index }));
}

async function errorOf(promise: Promise<unknown>): Promise<HeadraceClientError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof HeadraceClientError) return error;
  throw new Error(`expected a HeadraceClientError, got ${String(error)}`);
}

test("one event, an array, an iterable and an asynchronous iterable are sent", async () => {
  const { stream } = await connect();
  async function* source() {
    yield* numbers(3, 100);
  }
  expect(await stream.send({ n: 1 })).toEqual({ accepted: 1, rejected: 0, errors: [] });
  expect(await stream.send(numbers(2, 2))).toMatchObject({ accepted: 2 });
  expect(await stream.send(new Set(numbers(2, 4)))).toMatchObject({ accepted: 2 });
  expect(await stream.send(source())).toMatchObject({ accepted: 3 });
  expect(await stream.send([])).toEqual({ accepted: 0, rejected: 0, errors: [] });
  expect(server.accepted.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 100, 101, 102]);
});

test("events of calls made together go in one request", async () => {
  const { stream } = await connect();
  const results = await Promise.all(numbers(50).map((event) => stream.send(event)));
  expect(results.every(({ accepted }) => accepted === 1)).toBe(true);
  expect(server.requests.length).toBe(1);
  expect(server.requests[0]?.headers["content-type"]).toBe("application/x-ndjson");
});

test("a batch holds no more events and bytes than it may, and a larger event goes alone", async () => {
  const { stream } = await connect(undefined, { batchEvents: 10, batchBytes: 100 });
  await stream.send(numbers(25));
  await stream.send(Array.from({ length: 6 }, (_, n) => ({ n, text: "x".repeat(30) })));
  await stream.send([{ n: 1 }, { n: 2, text: "x".repeat(200) }, { n: 3 }]);
  const counts = server.requests.map(({ body }) => body.split("\n").length);
  expect(counts).toEqual([10, 10, 5, 2, 2, 2, 1, 1, 1]);
});

test("larger batches are compressed, unless that is turned off", async () => {
  const { stream } = await connect();
  await stream.send(numbers(1000));
  expect(server.requests[0]?.headers["content-encoding"]).toBe("gzip");
  expect(server.requests[0]?.bytes).toBeLessThan((server.requests[0]?.body.length ?? 0) / 3);
  await server.close();
  const plain = await connect(undefined, { compress: false });
  await plain.stream.send(numbers(1000));
  expect(server.requests[0]?.headers["content-encoding"]).toBeUndefined();
});

test("one request is under way at a time and order is kept; with inFlight more are", async () => {
  const options = { batchEvents: 5 };
  const { stream } = await connect(undefined, options);
  await Promise.all(numbers(200).map((event) => stream.send(event)));
  expect(server.underWayMax).toBe(1);
  expect(server.accepted).toEqual(numbers(200));
  await server.close();

  const parallel = await connect((index) => (index < 4 ? "stall" : "good"), { ...options, inFlight: 4 });
  const sent = parallel.stream.send(numbers(200));
  await until(() => server.underWayMax === 4);
  server.goOn();
  expect(await sent).toMatchObject({ accepted: 200 });
  expect(server.underWayMax).toBe(4);
});

test(
  "nothing is lost or doubled by dropped connections, busy answers and lost replies",
  { timeout: RETRIES_TIMEOUT },
  async () => {
    const moods: readonly Mood[] = [
      "drop",
      "lose_reply",
      "good",
      { status: 429, code: "overloaded", retryAfter: "0" },
      "lose_reply",
      "good",
      { status: 503, code: "draining" },
      { status: 408, code: "request_timeout" },
      "lose_reply",
      "good",
      { status: 409, code: "idempotency_key_in_flight", retryAfter: "0" },
      { status: 502, body: "<html>" },
    ];
    const { stream } = await connect((index) => moods[index % moods.length] ?? "good", { batchEvents: 100 });
    const results = await Promise.all([
      stream.send(numbers(150)),
      ...numbers(100, 150).map((event) => stream.send(event)),
      stream.send(numbers(150, 250)),
    ]);
    expect(results.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(400);
    expect(server.accepted).toEqual(numbers(400));
    // Each batch kept its key and its body over all attempts.
    const bodies = new Map<string, Set<string>>();
    for (const { key, body } of server.requests) bodies.set(key, (bodies.get(key) ?? new Set()).add(body));
    expect(bodies.size).toBe(4);
    expect([...bodies.values()].every((set) => set.size === 1)).toBe(true);
  },
);

test("Retry-After is honoured, in seconds and as a date", async () => {
  const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
  const { stream } = await connect((index) => {
    if (index === 0) return { status: 429, code: "overloaded", retryAfter: "1" };
    return index === 2 ? { status: 503, code: "draining", retryAfter: date.toUTCString() } : "good";
  });
  const began = performance.now();
  await stream.send({ n: 1 });
  expect(performance.now() - began).toBeGreaterThanOrEqual(990);
  await stream.send({ n: 2 });
  expect(Date.now()).toBeGreaterThanOrEqual(date.getTime());
});

test("what can't succeed isn't tried again, and names the server's code", async () => {
  const { stream } = await connect(() => ({ status: 404, code: "unknown_stream" }));
  const error = await errorOf(stream.send(numbers(2)));
  expect(error).toMatchObject({
    name: "HeadraceClientError",
    code: "unknown_stream",
    status: 404,
    detail: "this is unknown_stream",
    retryable: false,
    uncertain: false,
    problem: { code: "unknown_stream" },
  });
  expect(server.requests.length).toBe(1);
});

test("trying again ends with its time, and the error says whether events may have been accepted", async () => {
  const { stream } = await connect(
    (index) => (index === 0 ? "lose_reply" : { status: 503, code: "draining" }),
    {
      retryForMs: 500,
    },
  );
  expect(await errorOf(stream.send({ n: 1 }))).toMatchObject({
    code: "draining",
    retryable: true,
    uncertain: true,
  });
  expect(server.requests.length).toBeGreaterThan(1);
  expect(server.accepted.length).toBe(1);
  await server.close();

  const busy = await connect(() => ({ status: 429, code: "overloaded", retryAfter: "3600" }));
  expect(await errorOf(busy.stream.send({ n: 1 }))).toMatchObject({
    code: "overloaded",
    uncertain: false,
    retryAfterMs: 3_600_000,
  });
});

test.each([
  ["isn't JSON", { status: 200, body: "<html>" }],
  ["doesn't count", { status: 200, body: "{}" }],
  ["counts another number of events", { status: 202, body: '{"accepted":5,"rejected":0,"errors":[]}' }],
  ["is a redirect", { status: 302, body: "" }],
])("an answer that %s is no acceptance", async (_what, mood) => {
  const { stream } = await connect(() => mood);
  expect(await errorOf(stream.send({ n: 1 }))).toMatchObject({ code: "unexpected_answer" });
});

test("a server that keeps silent is given up after the timeout", async () => {
  const { stream } = await connect(() => "stall", { timeoutMs: 100, retryForMs: 0 });
  expect(await errorOf(stream.send({ n: 1 }))).toMatchObject({
    code: "server_unreachable",
    retryable: true,
    uncertain: true,
    message: expect.stringContaining("gave no answer in 100 ms") as string,
  });
});

test("each caller gets its own rejected events, although batches mix callers", async () => {
  const { stream } = await connect();
  const [first, second, third] = await Promise.all([
    stream.send([{ n: 1 }, { n: -2 }, { n: 3 }]),
    stream.send({ n: 4 }),
    stream.send([{ n: -5 }, { n: -6 }]),
  ]);
  const reason = { path: "/n", code: "out_of_range", message: "must be at least 0" };
  expect(first).toEqual({ accepted: 2, rejected: 1, errors: [{ index: 1, event: { n: -2 }, ...reason }] });
  expect(second).toEqual({ accepted: 1, rejected: 0, errors: [] });
  expect(third).toEqual({
    accepted: 0,
    rejected: 2,
    errors: [
      { index: 0, event: { n: -5 }, ...reason },
      { index: 1, event: { n: -6 }, ...reason },
    ],
  });
  expect(server.requests.length).toBe(1);
});

test("a send over several batches counts its events from its beginning", async () => {
  const { stream } = await connect(undefined, { batchEvents: 4 });
  const result = await stream.send([...numbers(6), { n: -1 }, ...numbers(3), { n: -2 }]);
  expect(result).toMatchObject({ accepted: 9, rejected: 2 });
  expect(result.errors.map(({ index, event }) => [index, event.n])).toEqual([
    [6, -1],
    [10, -2],
  ]);
});

test("a batch in which nothing fits is an answer, not an error", async () => {
  const { stream } = await connect();
  const results = await Promise.all(numbers(150).map(({ n }) => stream.send({ n: -n - 1 })));
  expect(results.every(({ accepted, rejected }) => accepted === 0 && rejected === 1)).toBe(true);
  expect(await stream.send(numbers(300).map(({ n }) => ({ n: -n - 1 })))).toMatchObject({ rejected: 300 });
});

test("counts are exact for every caller even when there are more errors than the server lists", async () => {
  const { stream } = await connect();
  const events = numbers(1000).map(({ n }) => ({ n: n % 3 === 0 ? -n - 1 : n }));
  const results = await Promise.all(events.map((event) => stream.send(event)));
  results.forEach((result, index) => {
    expect([result.accepted, result.rejected, result.errors.length]).toEqual(
      index % 3 === 0 ? [0, 1, 1] : [1, 0, 0],
    );
  });
  // Asked again in a way that keeps nothing.
  expect(server.accepted.length).toBe(666);
  expect(server.requests.length).toBeGreaterThan(1);
  expect(server.requests.slice(1).every(({ url }) => url.endsWith("?on_invalid=fail"))).toBe(true);
});

test("one caller's many errors need no second question", async () => {
  const { stream } = await connect();
  const [one, many] = await Promise.all([
    stream.send({ n: 1 }),
    stream.send(numbers(500).map(({ n }) => ({ n: n % 2 === 0 ? n : -n }))),
  ]);
  expect(one).toMatchObject({ accepted: 1, rejected: 0 });
  expect(many).toMatchObject({ accepted: 250, rejected: 250 });
  expect(many.errors.length).toBe(100);
  expect(server.requests.length).toBe(1);
});

test("aborting takes back what isn't under way, and leaves the other callers' events alone", async () => {
  const { client, stream } = await connect((index) => (index === 0 ? "stall" : "good"), { lingerMs: 0 });
  const controller = new AbortController();
  const underWay = stream.send({ n: 1 }, { signal: controller.signal });
  await until(() => server.requests.length === 1);
  const others = stream.send(numbers(3, 10));
  const taken = stream.send(numbers(3, 20), { signal: controller.signal });
  controller.abort(new Error("changed my mind"));
  await expect(underWay).rejects.toThrow("changed my mind");
  await expect(taken).rejects.toThrow("changed my mind");
  server.goOn();
  expect(await others).toMatchObject({ accepted: 3 });
  expect(server.accepted.map(({ n }) => n)).toEqual([1, 10, 11, 12]);
  expect(client.queuedBytes).toBe(0);
  await expect(stream.send({ n: 1 }, { signal: controller.signal })).rejects.toThrow("changed my mind");
});

test("flush sends without waiting for more, and waits for what was sent before", async () => {
  const { client, stream } = await connect(undefined, { lingerMs: 60_000 });
  const sent = stream.send(numbers(3));
  await client.flush();
  expect(server.accepted.length).toBe(3);
  expect(await sent).toMatchObject({ accepted: 3 });
});

test("flush can be given up", async () => {
  const { client, stream } = await connect(() => "stall");
  const sent = stream.send({ n: 1 });
  await expect(client.flush({ signal: AbortSignal.timeout(50) })).rejects.toThrow("timeout");
  await expect(client.flush({ signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
  server.goOn();
  expect(await sent).toMatchObject({ accepted: 1 });
});

test("close sends what is left, and refuses what comes later", async () => {
  const { client, stream } = await connect(undefined, { lingerMs: 60_000, batchEvents: 2 });
  const sent = stream.send(numbers(5));
  await client.close();
  expect(await sent).toMatchObject({ accepted: 5 });
  expect(await errorOf(stream.send({ n: 1 }))).toMatchObject({ code: "client_closed", retryable: false });
});

test("closing can be cut short: what is left is given up, also between two attempts", async () => {
  const { client, stream } = await connect(() => ({ status: 503, code: "draining", retryAfter: "60" }), {
    batchEvents: 2,
  });
  const sent = stream.send(numbers(5));
  const gone = sent.catch((reason: unknown) => reason);
  await until(() => server.requests.length === 1);
  const controller = new AbortController();
  const closed = client.close({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await closed;
  expect(await gone).toEqual(new Error("enough"));
  await until(() => client.queuedBytes === 0);
  expect(server.requests.length).toBe(1);
});

test("an event that JSON can't hold fails its send, and no other", async () => {
  const { client, stream } = await connect();
  const [good, bad, none] = await Promise.allSettled([
    stream.send({ n: 1 }),
    stream.send([{ n: 2 }, { n: 3n }]),
    stream.send([undefined]),
  ]);
  expect(good).toMatchObject({ status: "fulfilled", value: { accepted: 1 } });
  expect(bad).toMatchObject({ status: "rejected", reason: { code: "not_json" } });
  expect(none).toMatchObject({
    status: "rejected",
    reason: { code: "not_json", detail: "a undefined is no event" },
  });
  // The event before it had not been sent yet, and was taken back.
  expect(server.accepted).toEqual([{ n: 1 }]);
  expect(client.queuedBytes).toBe(0);
});

async function* failingSource() {
  yield { n: 1 };
  throw new Error("the file is gone");
}

test("a source that fails ends its send with its own error", async () => {
  const { stream } = await connect();
  await expect(stream.send(failingSource())).rejects.toThrow("the file is gone");
});

test("tokens are sent, and a function is asked for a new one before each attempt", async () => {
  let asked = 0;
  const { stream } = await connect((index) => (index === 0 ? { status: 503, code: "draining" } : "good"), {
    token: () => Promise.resolve(`token-${++asked}`),
  });
  await stream.send({ n: 1 });
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer token-1",
    "Bearer token-2",
  ]);
});

test("a token that no header can hold fails at once", async () => {
  const { stream } = await connect(undefined, { token: "a\nb" });
  const error = await errorOf(stream.send({ n: 1 }));
  expect(error.code).toBe("bad_option");
  expect(String(error)).not.toContain("a\nb");
  expect(server.requests).toEqual([]);
});

test.each([
  [{ url: "localhost:7070" }, "url"],
  [{ url: "http://localhost", batchEvents: 0 }, "batchEvents"],
  [{ url: "http://localhost", maxQueuedBytes: Number.NaN }, "maxQueuedBytes"],
  [{ url: "http://localhost", lingerMs: -1 }, "lingerMs"],
])("the bad option %j is named", async (options, name) => {
  server = await startFlakyServer();
  expect(() => buildClient(options, [], {}, [])).toThrow(`bad_option: ${name}`);
});
