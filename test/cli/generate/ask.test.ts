import { afterEach, expect, test } from "vitest";
import { type Answer, type CallOptions } from "../../../src/cli/generate/runtime/api.ts";
import { buildClient } from "../../../src/cli/generate/runtime/build-client.ts";
import { startFlakyServer, type FlakyServer, type Mood } from "./flaky-server.ts";

// How an endpoint is asked.

type Ask = (params?: Readonly<Record<string, unknown>>, options?: CallOptions) => Promise<Answer<unknown>>;

const ANSWER = {
  status: 200,
  body: '{"data":[{"big":"9007199254740993"}],"meta":[],"rows":1,"statistics":{}}',
};
let server: FlakyServer;

afterEach(async () => {
  await server.close();
});

async function connect(mood: (index: number) => Mood = () => ANSWER) {
  server = await startFlakyServer(mood);
  const client = buildClient({ url: `${server.url}/base/` }, [], { plain: "GET", rich: "POST" }, []);
  return { plain: client["plain"] as Ask, rich: client["rich"] as Ask };
}

test("parameters go in the query string: lists as repeated names, what is absent not at all", async () => {
  const { plain } = await connect();
  const { data, rows } = await plain({
    a: "x&y",
    n: 1.5,
    yes: true,
    list: ["p", "q"],
    none: null,
    un: undefined,
  });
  expect([data, rows]).toEqual([[{ big: "9007199254740993" }], 1]);
  await plain();
  expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "GET /base/v1/endpoints/plain?a=x%26y&n=1.5&yes=true&list=p&list=q",
    "GET /base/v1/endpoints/plain",
  ]);
});

test("what a query string can't say, or is too long for a URL, goes in a body", async () => {
  const { plain, rich } = await connect();
  await plain({ list: [] });
  await plain({ deep: { a: 1 } });
  await plain({ text: "ü".repeat(400) });
  await rich({ either: "5" });
  await rich();
  const shown = server.requests.map(
    ({ method, url, body }) => `${method} ${url.slice(19)} ${body.slice(0, 20)}`,
  );
  expect(shown).toEqual([
    'POST plain {"list":[]}',
    'POST plain {"deep":{"a":1}}',
    'POST plain {"text":"üüüüüüüüüüü',
    'POST rich {"either":"5"}',
    "POST rich {}",
  ]);
  expect(server.requests.every(({ headers }) => headers["content-type"] === "application/json")).toBe(true);
});

test("a busy server is asked again a few times, a query that took too long isn't", async () => {
  const busy: Mood = { status: 503, code: "overloaded" };
  const { plain } = await connect((index) => (index < 2 ? busy : ANSWER));
  expect((await plain()).rows).toBe(1);
  expect(server.requests.length).toBe(3);
  await server.close();

  const always = await connect(() => busy);
  await expect(always.plain()).rejects.toMatchObject({ code: "overloaded", status: 503 });
  expect(server.requests.length).toBe(4);
  await server.close();

  const slow = await connect(() => ({ status: 504, code: "query_timeout" }));
  await expect(slow.plain()).rejects.toMatchObject({ code: "query_timeout", retryable: false });
  expect(server.requests.length).toBe(1);
});

test("an answer that isn't one is an error", async () => {
  const { plain } = await connect(() => ({ status: 200, body: '{"hello":1}' }));
  await expect(plain()).rejects.toMatchObject({ code: "unexpected_answer" });
});

test("a call can be given up while it waits for its answer, and between two attempts", async () => {
  const { plain } = await connect((index) =>
    index === 0 ? "stall" : { status: 503, code: "overloaded", retryAfter: "20" },
  );
  const silent = plain({}, { signal: AbortSignal.timeout(100) });
  await expect(silent).rejects.toMatchObject({ name: "TimeoutError" });
  await expect(plain({}, { signal: AbortSignal.timeout(200) })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  expect(server.requests.length).toBe(2);
});
