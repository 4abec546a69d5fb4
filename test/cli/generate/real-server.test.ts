import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripTypeScriptTypes } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findChromium, withPage } from "../../support/chromium.ts";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { FLIGHTS, startFlights } from "../support/server.ts";
import { createClient as createEveryType } from "./generated/every-type-client.ts";
import { createClient, type FlightsEvent } from "./generated/flights-client.ts";
import { startPageProxy } from "./page-proxy.ts";

// The generated clients, as they are kept in generated/, against `headrace start`: in Node and in a browser.

const TIMEOUT = 120_000;
const GENERATED = join(import.meta.dirname, "generated");
const chromium = findChromium();

let flights: Awaited<ReturnType<typeof startFlights>>;
let everyType: ServerProcess;
let dataFolder: string;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), "headrace-client-"));
  [flights, everyType] = await Promise.all([
    startFlights(),
    startServerProcess({ project: join(import.meta.dirname, "every-type"), data: dataFolder }),
  ]);
}, TIMEOUT);

afterAll(async () => {
  await flights.remove();
  await everyType.stop("SIGKILL");
  await rm(dataFolder, { recursive: true, force: true });
}, TIMEOUT);

function departures(origin: string, count: number): FlightsEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    flight_id: `${origin}-${index}`,
    date: "2001-02-03T04:05:06+01:00",
    delay: index % 100,
    origin,
    destination: "LAX",
  }));
}

test(
  "what is sent is answered, and every caller learns of its own rejected events",
  { timeout: TIMEOUT },
  async () => {
    const client = createClient({ url: flights.url });
    const wrong = { ...departures("BAD", 1)[0], delay: "late" } as unknown as FlightsEvent;
    const [many, one, bad] = await Promise.all([
      client.flights.send(departures("JFK", 12_000)),
      client.flights.send({ ...(departures("SFO", 1)[0] as FlightsEvent), distance: 2475 }),
      client.flights.send([...departures("ORD", 2), wrong]),
    ]);
    expect(many).toEqual({ accepted: 12_000, rejected: 0, errors: [] });
    expect(one).toEqual({ accepted: 1, rejected: 0, errors: [] });
    expect(bad).toEqual({
      accepted: 2,
      rejected: 1,
      errors: [
        {
          index: 2,
          event: wrong,
          path: "/delay",
          code: "invalid_type",
          message: expect.any(String) as string,
        },
      ],
    });
    await client.close();

    const ask = () => client.delays_by_origin({ origin: "JFK" });
    await until(async () => (await ask()).data[0]?.flights === 12_000, { timeout: 20_000 });
    const answer = await ask();
    expect(answer).toEqual({
      data: [{ origin: "JFK", flights: 12_000, mean_delay: 49.5 }],
      meta: [
        { name: "origin", type: "String" },
        { name: "flights", type: "UInt64" },
        { name: "mean_delay", type: "Float64" },
      ],
      rows: 1,
      statistics: {
        elapsed: expect.any(Number) as number,
        rows_read: expect.any(Number) as number,
        bytes_read: expect.any(Number) as number,
      },
    });
    expect((await client.endpoints.delays_by_origin()).data.map(({ origin }) => origin)).toEqual([
      "JFK",
      "ORD",
      "SFO",
    ]);
  },
);

test("the server's refusals come as errors with its code", { timeout: TIMEOUT }, async () => {
  const client = createClient({ url: flights.url });
  await expect(client.delays_by_origin({ limit: 0 })).rejects.toMatchObject({
    name: "HeadraceClientError",
    code: "bad_parameter",
    status: 400,
    problem: { parameter: "limit" },
  });
  const aborted = client.delays_by_origin({}, { signal: AbortSignal.abort(new Error("not needed")) });
  await expect(aborted).rejects.toThrow("not needed");
  const nowhere = createClient({ url: "http://127.0.0.1:1", retryForMs: 0 });
  await expect(nowhere.flights.send(departures("JFK", 1))).rejects.toMatchObject({
    code: "server_unreachable",
    retryable: true,
  });
});

test(
  "exact counts hold for every caller when a real server lists only its first errors",
  { timeout: TIMEOUT },
  async () => {
    const client = createClient({ url: flights.url });
    // Two reasons each, so that the server's list may end within an event.
    const wrong = { ...departures("BAD", 1)[0], delay: "late", origin: "nowhere" } as unknown as FlightsEvent;
    const good = departures("DEN", 400);
    const results = await Promise.all(
      good.flatMap((event) => [client.flights.send(event), client.flights.send(wrong)]),
    );
    results.forEach(({ accepted, rejected, errors }, index) => {
      expect([accepted, rejected, errors.length > 0]).toEqual(index % 2 === 0 ? [1, 0, false] : [0, 1, true]);
    });
    await until(async () => (await client.delays_by_origin({ origin: "DEN" })).data[0]?.flights === 400, {
      timeout: 20_000,
    });
  },
);

test(
  "parameters of every kind arrive as they were given, in a URL or a body",
  { timeout: TIMEOUT },
  async () => {
    const methods: string[] = [];
    const client = createEveryType({
      url: everyType.url,
      fetch: (url, init) => {
        methods.push(init.method ?? "");
        return fetch(url, init);
      },
    });
    const given = {
      text: "a&b=ü+/?",
      wide: "9007199254740993",
      day: "2001-02-03",
      yes: true,
      mode: "slow",
    } as const;
    const { data } = await client.params({ ...given, list: ["x", "y z"], numbers: [1, -2], count: 3 });
    expect(data).toEqual([{ ...given, list: ["x", "y z"], numbers: [1, -2], count: 3, has_numbers: 1 }]);
    expect((await client.params({ text: "", list: ["one"] })).data[0]?.list).toEqual(["one"]);
    expect((await client.params({ text: "", list: [] })).data[0]?.list).toEqual([]);
    const long = "x".repeat(3000);
    expect((await client.params({ text: long })).data[0]?.text).toBe(long);
    expect(methods).toEqual(["GET", "GET", "POST", "POST"]);
    // Text has no types: these go in a body.
    expect((await client.body_params({ either: "5" })).data[0]).toMatchObject({ type: "string", value: "5" });
    const rich = await client.body_params({ either: 5, pair: ["a", 7], filter: { min: 2 } });
    expect(rich.data[0]).toEqual({ type: "number", value: "5", second: 7, min: 2 });
  },
);

test(
  "a stream and an endpoint of one name, and names that every client has, can be used",
  { timeout: TIMEOUT },
  async () => {
    const client = createEveryType({ url: everyType.url });
    expect(await client.shared.send({ n: 1 })).toMatchObject({ accepted: 1 });
    expect((await client.shared()).data).toEqual([{ one: 1 }]);
    expect(await client.streams.flush.send({ n: 1 })).toMatchObject({ accepted: 1 });
    expect(await client.streams.then.send({ n: 1 })).toMatchObject({ accepted: 1 });
    expect((await client.endpoints.constructor()).data).toEqual([{ one: 1 }]);
    expect((await client.endpoints.close()).rows).toBe(1);
    // A client with a `then` would be called by await.
    expect(await Promise.resolve(client)).toBe(client);
    await client.close();
  },
);

test.skipIf(chromium === undefined)(
  "in a browser: events are sent once although a reply is lost, and answers come back",
  { timeout: TIMEOUT },
  async () => {
    const proxy = await startPageProxy(flights.url, await browserScript());
    try {
      const seen = await withPage(chromium ?? "", async (page) => {
        await page.goto(proxy.url);
        return await page.evaluate(IN_THE_BROWSER);
      });
      expect(seen).toEqual({
        sent: { accepted: 5000, rejected: 0, errors: [] },
        bad: [{ accepted: 0, rejected: 1, code: "invalid_type" }],
        error: { ours: true, code: "bad_parameter" },
        flights: 5000,
      });
      // The first reply was lost: the same batch came again, compressed, with its key.
      const [first, second] = proxy.posts;
      expect(first).toMatchObject({ lost: true, encoding: "gzip" });
      expect(second).toEqual({ ...first, lost: false });
    } finally {
      await proxy.close();
    }
  },
);

test.skipIf(chromium === undefined)(
  "in a page of another origin, with a token that may only send",
  { timeout: TIMEOUT },
  async () => {
    const token = "hr_only-for-this-test";
    const hash = `sha256:${createHash("sha256").update(token).digest("hex")}`;
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const folder = await mkdtemp(join(tmpdir(), "headrace-client-"));
    const proxy = await startPageProxy("", await browserScript());
    const server = await startServerProcess({
      project: FLIGHTS,
      data: folder,
      env: {
        HEADRACE_CORS_ORIGINS: new URL(proxy.url).origin,
        HEADRACE_TOKENS: JSON.stringify([{ name: "page", hash, scopes: ["ingest:flights"], expires }]),
      },
    });
    try {
      const seen = await withPage(chromium ?? "", async (page) => {
        await page.goto(proxy.url);
        const given = { url: server.url, token, events: departures("BOS", 500) };
        return await page.evaluate(`(${IN_ANOTHER_ORIGIN})(${JSON.stringify(given)})`);
      });
      expect(seen).toEqual({ accepted: 500, codes: ["scope_missing", "token_invalid"] });
    } finally {
      await server.stop("SIGKILL");
      await proxy.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);

/** The client as JavaScript. */
async function browserScript(): Promise<string> {
  return stripTypeScriptTypes(await readFile(join(GENERATED, "flights-client.ts"), "utf8"));
}

const IN_ANOTHER_ORIGIN = `async ({ url, token, events }) => {
  const { createClient } = await import("/client.js");
  const client = createClient({ url, token });
  const { accepted } = await client.flights.send(events);
  const codeOf = (promise) => promise.then(() => "none", (error) => error.code);
  const codes = [
    await codeOf(client.delays_by_origin()),
    await codeOf(createClient({ url, token: "wrong" }).flights.send(events)),
  ];
  return { accepted, codes };
}`;

/** Source text: what runs in the browser isn't of this module. */
const IN_THE_BROWSER = `(async () => {
  const { createClient, HeadraceClientError } = await import("/client.js");
  const client = createClient({ url: "" });
  const event = (index) => ({
    flight_id: "MIA-" + index, date: "2001-02-03T04:05:06Z", delay: 1, origin: "MIA", destination: "LAX",
  });
  const sent = await client.flights.send(Array.from({ length: 5000 }, (_, index) => event(index)));
  const bad = await client.flights.send({ ...event(0), delay: "late" });
  const error = await client.delays_by_origin({ limit: 0 }).catch((reason) => reason);
  let flights = 0;
  for (const deadline = Date.now() + 20_000; flights !== 5000 && Date.now() < deadline; ) {
    flights = (await client.delays_by_origin({ origin: "MIA" })).data[0]?.flights ?? 0;
  }
  await client.close();
  return {
    sent,
    bad: bad.errors.map(({ code }) => ({ accepted: bad.accepted, rejected: bad.rejected, code })),
    error: { ours: error instanceof HeadraceClientError, code: error.code },
    flights,
  };
})()`;
