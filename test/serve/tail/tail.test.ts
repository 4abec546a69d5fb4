import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TAIL_LIMITS } from "../../../src/serve/tail/limits.ts";
import { until } from "../../support/until.ts";
import { readTail, type TailReader } from "./tail-reader.ts";
import { startTails, type TailServer } from "./tail-server.ts";

const numbers = (reader: TailReader | undefined) =>
  (reader?.events ?? []).map((event) => (event as { n: number }).n);
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, n) => ({ n: from + n }));

describe("a tail", () => {
  let server: TailServer;
  const readers: TailReader[] = [];
  const tail = async (query = "", headers: Record<string, string> = {}): Promise<TailReader> => {
    const reader = await readTail(`${server.url}/v1/streams/flights/tail${query}`, headers);
    readers.push(reader);
    // From here on nothing that is appended can be missed.
    await until(() => reader.lastEventId() !== "");
    return reader;
  };
  const problem = async (query: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}/v1/streams/flights/tail${query}`, { headers });
    return [response.status, await response.json()] as [number, Record<string, unknown>];
  };

  beforeEach(async () => {
    server = await startTails();
  });
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.stop();
    await server.close();
  });

  it("begins at the end and brings each event once, in order, as it was accepted", async () => {
    await server.append(upTo(3));
    const reader = await tail();
    expect(reader.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(reader.headers.get("cache-control")).toBe("no-store");
    expect(reader.headers.get("x-request-id")).toBeTruthy();
    expect(reader.headers.get("x-content-type-options")).toBe("nosniff");
    for (let batch = 0; batch < 50; batch++) await server.append(upTo(20, 3 + batch * 20), batch % 3);
    await until(() => reader.events.length >= 1000);
    expect(numbers(reader)).toEqual(upTo(1000, 3).map(({ n }) => n));
    expect(reader.notices).toEqual([]);
  });

  it("doesn't show rejected events, and counts their offsets", async () => {
    const reader = await tail();
    await server.append([{ n: 1 }], 2);
    await server.append([{ n: 2 }]);
    await until(() => reader.events.length === 2);
    expect(reader.lastEventId()).toMatch(/^[\w-]+-0-3$/);
  });

  it("gives an event with line breaks between its tokens on one line", async () => {
    const reader = await tail();
    await server.append(['{"n":\r1,\r"origin":"a\\r\\nb"}']);
    await until(() => reader.events.length === 1);
    expect(reader.events).toEqual([{ n: 1, origin: "a\r\nb" }]);
  });

  it.each([0, 1, 7, 30])("loses and doubles nothing when it is resumed after %i events", async (seen) => {
    const first = await tail();
    if (seen > 0) await server.append(upTo(seen));
    await until(() => first.events.length === seen);
    const id = first.lastEventId();
    first.stop();
    await first.done;
    // A resume from within a batch: the batch is read from its beginning.
    await server.append(upTo(40, seen), 1);
    const byHeader = await tail("?from=now", { "last-event-id": id });
    const byParameter = await tail(`?from=${encodeURIComponent(id)}`);
    await server.append(upTo(5, seen + 40));
    const expected = upTo(45, seen).map(({ n }) => n);
    for (const reader of [byHeader, byParameter]) {
      await until(() => reader.events.length >= 45);
      expect(numbers(reader)).toEqual(expected);
    }
    const within = await tail("", {
      "last-event-id": id.replace(/-(-?\d+)$/, (_, n) => `-${Number(n) + 10}`),
    });
    await until(() => within.events.length >= 35);
    expect(numbers(within)).toEqual(expected.slice(10));
  });

  it("begins at the oldest event that is kept when it is told to", async () => {
    await server.append(upTo(5));
    const reader = await tail("?from=start");
    await until(() => reader.events.length === 5);
    expect(numbers(reader)).toEqual([0, 1, 2, 3, 4]);
  });

  it("says so when the log doesn't hold what it was to resume after, and goes on at now", async () => {
    await server.append(upTo(5));
    const ahead = (await tail()).lastEventId().replace(/\d+$/, "1000");
    for (const id of ["00000000-0000-4000-8000-000000000000-0-7", ahead]) {
      const reader = await tail("", { "last-event-id": id });
      await until(() => reader.notices.length > 0);
      await server.append([{ n: 100 }]);
      await until(() => reader.events.length === 1);
      expect(reader.notices).toEqual([["gap", { after: id, resumed_after: expect.any(String) }]]);
      expect(numbers(reader)).toEqual([100]);
    }
  });

  it("shows only events whose fields have the given values", async () => {
    const uuid = "0190D3F0-5CB3-71E7-907B-A6006AD3DBA0";
    const all = [
      '{"n":1,"origin":"JFK","delay":5,"big":9007199254740993}',
      '{"n":2,"origin":"SFO","delay":5}',
      '{"n":3,"origin":"\\u004aFK","delay":5.5}',
      '{"n":4,"origin":"JFK","delay":null}',
      '{"n":5,"tags":["JFK"]}',
      `{"n":6,"uuid":"${uuid}"}`,
      '{"n":7,"origin":""}',
    ];
    const cases: [string, number[]][] = [
      ["filter.origin=JFK", [1, 3, 4]],
      ["filter.origin=JFK&filter.delay=5", [1]],
      ["filter.delay=5.5", [3]],
      ["filter.delay=null", []],
      ["filter.big=9007199254740993", [1]],
      ["filter.big=9007199254740992", []],
      [`filter.uuid=${uuid}`, [6]],
      ["filter.origin=", [7]],
    ];
    const tails = await Promise.all(cases.map(([query]) => tail(`?${query}`)));
    await server.append(all);
    await server.append([{ n: 99, origin: "JFK", delay: 5 }]);
    for (const [index, [query, expected]] of cases.entries()) {
      const reader = tails[index];
      const last = /delay=5$|origin=JFK$/.test(query) ? [99] : [];
      await until(() => reader?.events.length === expected.length + last.length);
      expect([query, numbers(reader)]).toEqual([query, [...expected, ...last]]);
    }
  });

  it.each([
    ["?filter.orgin=JFK", "filter.orgin", 'did you mean "origin"'],
    ["?filter.tags=JFK", "filter.tags", "no single value"],
    ["?filter.origin=JFK&filter.origin=SFO", "filter.origin", "more than once"],
    ["?origin=JFK", "origin", "filter.<field>"],
    ["?from=yesterday", "from", '"start" or "now"'],
    ["?from=start&from=now", "from", '"start" or "now"'],
    [`?${Array.from({ length: 17 }, (_, n) => `filter.f${n}=1`).join("&")}`, "filter.", "16 filters"],
  ])("refuses %s", async (query, parameter, message) => {
    const [status, body] = await problem(query);
    expect([status, body["code"], body["parameter"]]).toEqual([400, "bad_parameter", parameter]);
    expect(body["detail"]).toContain(message);
  });

  it("refuses a Last-Event-ID that is none, and a stream that isn't there", async () => {
    expect(await problem("", { "last-event-id": "17" })).toMatchObject([400, { parameter: "Last-Event-ID" }]);
    const response = await fetch(`${server.url}/v1/streams/flihgts/tail`);
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { code: "unknown_stream", nearest: "flights" },
    ]);
  });

  it("answers HEAD and OPTIONS without beginning", async () => {
    const head = await fetch(`${server.url}/v1/streams/flights/tail`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([
      200,
      "text/event-stream; charset=utf-8",
    ]);
    const options = await fetch(`${server.url}/v1/streams/flights/tail`, { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
    expect(server.opened()).toBe(0);
  });

  it("ends with a notice when the server stops, which doesn't wait for it", async () => {
    const busy = await tail("?from=start");
    const idle = await tail();
    await server.append(upTo(10));
    await until(() => busy.events.length === 10);
    const began = performance.now();
    await server.http.close();
    expect(performance.now() - began).toBeLessThan(3_000);
    await Promise.all([busy.done, idle.done]);
    for (const { notices } of [busy, idle]) expect(notices).toEqual([["end", { reason: "draining" }]]);
    expect(server.ended).toEqual(["draining", "draining"]);
  });

  it("is forgotten when its client goes", async () => {
    const reader = await tail();
    reader.stop();
    await until(() => server.ended.length === 1);
    expect(server.ended).toEqual(["gone"]);
  });

  /** Opens a tail on a raw connection that reads nothing. */
  async function stalledTail(): Promise<ReturnType<typeof connect>> {
    const { hostname, port, host } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, "connect");
    socket.pause();
    socket.on("error", () => {});
    socket.write(`GET /v1/streams/flights/tail HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return socket;
  }

  it("is dropped when it takes nothing, while events are appended and others tailed at pace", async () => {
    await server.close();
    server = await startTails({ limits: { stalledMax: 300, goodbyeMax: 200 } });
    const socket = await stalledTail();
    await until(() => server.opened() === 1);
    const reader = await tail();
    const padding = "x".repeat(1000);
    let appended = 0;
    let slowest = 0;
    while (server.ended.length === 0 && appended < 100_000) {
      const began = performance.now();
      await server.append(upTo(500, appended).map((event) => ({ ...event, origin: padding })));
      slowest = Math.max(slowest, performance.now() - began);
      appended += 500;
    }
    expect(server.ended).toEqual(["dropped"]);
    expect(slowest).toBeLessThan(1_000);
    await until(() => reader.events.length === appended, { timeout: 20_000 });
    expect(numbers(reader)).toEqual(upTo(appended).map(({ n }) => n));
    socket.destroy();
  });

  it("tells a slow client that takes up again in time that it was dropped", async () => {
    await server.close();
    server = await startTails({ limits: { stalledMax: 300, goodbyeMax: 10_000 } });
    const socket = await stalledTail();
    let text = "";
    socket.on("data", (chunk: Buffer) => (text = (text + chunk.toString("latin1")).slice(-2_000)));
    socket.pause();
    await until(() => server.opened() === 1);
    const padding = "x".repeat(1000);
    while (server.ended.length === 0) {
      await server.append(upTo(500).map((event) => ({ ...event, origin: padding })));
    }
    socket.resume();
    await until(() => text.includes("event: dropped"));
    expect(text).toMatch(/event: dropped\ndata: \{"reason":"dropped","detail":"Nothing was taken/);
    socket.destroy();
  });

  it("is dropped when slow tails hold more of the log than may be in memory", async () => {
    await server.close();
    server = await startTails({ limits: { pagesBytesMax: 0, stalledMax: 5_000 } });
    const socket = await stalledTail();
    await until(() => server.opened() === 1);
    const padding = "x".repeat(1000);
    for (let batch = 0; batch < 20; batch++) {
      await server.append(upTo(1000).map((event) => ({ ...event, origin: padding })));
    }
    const late = await tail("?from=start");
    await late.done;
    expect(late.notices).toMatchObject([["dropped", { reason: "dropped" }]]);
    socket.destroy();
  });

  it("brings a batch that is much larger than a page whole", async () => {
    const reader = await tail();
    const count = 60_000;
    await server.append(upTo(count).map((event) => ({ ...event, origin: "x".repeat(50) })));
    await until(() => reader.events.length >= count, { timeout: 20_000 });
    expect(numbers(reader)).toEqual(upTo(count).map(({ n }) => n));
  });

  it("is sent a comment while nothing comes, with the place to resume from when a filter holds all back", async () => {
    await server.close();
    server = await startTails({ limits: { heartbeat: 30 } });
    const reader = await tail("?filter.origin=JFK");
    const before = reader.lastEventId();
    await until(() => reader.comments.length >= 2);
    expect(reader.comments[0]).toBe(": heartbeat");
    expect(reader.lastEventId()).toBe(before);
    await server.append([{ n: 1, origin: "SFO" }]);
    await until(() => reader.lastEventId() !== before);
    expect(reader.lastEventId()).toMatch(/-0-0$/);
    expect(reader.events).toEqual([]);
  });

  it("is one of as many as may be; another is refused", async () => {
    await server.close();
    server = await startTails({ limits: { clientsMax: 2 } });
    const first = await tail();
    await tail();
    const response = await fetch(`${server.url}/v1/streams/flights/tail`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "5"]);
    first.stop();
    await until(() => server.ended.length === 1);
    expect((await tail()).status).toBe(200);
  });

  it("comes to 200 clients at once, each event once and in order", async () => {
    await server.close();
    server = await startTails({ limits: { gather: TAIL_LIMITS.gather } });
    const all = await Promise.all(Array.from({ length: 200 }, () => tail()));
    const began = performance.now();
    for (let batch = 0; batch < 100; batch++) await server.append(upTo(10, batch * 10));
    const paced = performance.now() - began;
    await until(() => all.every((reader) => reader.events.length >= 1000), { timeout: 30_000 });
    const expected = upTo(1000).map(({ n }) => n);
    for (const reader of all) expect(numbers(reader)).toEqual(expected);
    // Were each batch a write to each client, it would take several times as long.
    expect(paced).toBeLessThan(5_000);
  });

  it("holds back nothing of retention, and says what it missed by it", async () => {
    await server.close();
    server = await startTails({
      limits: { stalledMax: 60_000 },
      log: { segmentBytes: 64 * 1024, retention: { bytes: 256 * 1024, age: 1e9 } },
    });
    const oldest = await tail();
    const id = oldest.lastEventId();
    oldest.stop();
    const padding = "x".repeat(1000);
    await server.append([{ n: 0 }]);
    for (let batch = 0; batch < 30; batch++) {
      await server.append(upTo(50, batch * 50).map((event) => ({ ...event, origin: padding })));
      await server.log.commit("flights", 0, "loader", server.log.status("flights", 0).end);
    }
    expect(server.log.status("flights", 0).first.offset).toBeGreaterThan(0);
    const reader = await tail("", { "last-event-id": id });
    await until(() => reader.notices.length === 1);
    expect(reader.notices).toMatchObject([["gap", { after: id }]]);
  });
});
