import { once } from "node:events";
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { sql } from "../../src/project/sql.ts";
import { WHOLE_ANSWER_MAX } from "../../src/serve/begin-answer.ts";
import { until } from "../support/until.ts";
import { delays, flights, rows, serveProject } from "./served-project.ts";
import type { ServedProject } from "./served-project.ts";

const kinds = defineEndpoint("kinds", {
  params: z.object({
    text: z.string().optional(),
    day: z.iso.date().optional(),
    moment: z.iso.datetime({ offset: true }).optional(),
    whole: z.int().optional(),
    part: z.number().optional(),
    flag: z.boolean().optional(),
    list: z.array(z.string()).optional(),
  }),
  query: ({ text, day, moment, whole, part, flag, list }) => sql`
    SELECT ${text ?? ""} AS text, ${day ?? ""} AS day, ${moment ?? ""} AS moment, ${whole ?? 0} AS whole,
      ${part ?? 0.5} AS part, ${flag ?? false} AS flag, ${list ?? ["none"]} AS list`,
});

const numbers = defineEndpoint("numbers", {
  params: z.object({ count: z.int().min(0) }),
  limits: { rows: 100_000_000, bytes: 1_000_000_000, time: 60_000 },
  query: ({ count }) => sql`SELECT number, toString(number) AS text FROM numbers(${count})`,
});

const numbersLimited = defineEndpoint("numbers_limited", {
  params: z.object({ count: z.int().min(0) }),
  limits: { rows: 1_000_000, time: 20_000 },
  query: ({ count }) => sql`SELECT number FROM numbers(${count})`,
});

const bytesLimited = defineEndpoint("bytes_limited", {
  params: z.object({ count: z.int().min(0) }),
  limits: { bytes: 1000 },
  query: ({ count }) => sql`SELECT number FROM numbers(${count})`,
});

const forever = defineEndpoint("forever", {
  limits: { time: 1_000 },
  query: () => sql`SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))`,
});

const lateFailure = defineEndpoint("late_failure", {
  limits: { bytes: 1_000_000_000, rows: 100_000_000, time: 60_000 },
  query: () =>
    sql`SELECT number, repeat('x', 100) AS x, throwIf(number = 300000, 'late') AS y FROM numbers(400000)`,
});

const hungry = defineEndpoint("hungry", {
  limits: { memory: 50_000_000 },
  query: () => sql`SELECT groupArray(number) AS all FROM numbers(100000000)`,
});

const broken = defineEndpoint("broken", { query: () => sql`SELECT nothing FROM nowhere` });

const throwing = defineEndpoint("throwing", {
  query: () => {
    throw new TypeError("no such thing");
  },
});

const long = defineEndpoint("long", {
  query: () => sql`SELECT number, repeat('some text ', 10) AS text FROM numbers(1000)`,
});

describe("endpoints over HTTP", () => {
  let served: ServedProject;
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${served.url}/v1/endpoints/${path}`, { headers });

  beforeAll(async () => {
    served = await serveProject([
      delays,
      rows,
      kinds,
      numbers,
      numbersLimited,
      bytesLimited,
      forever,
      lateFailure,
      hungry,
      broken,
      throwing,
      long,
    ]);
    await served.insert({ origin: "JFK", delay: 10, big: "9007199254740993", note: 'a,"b"\nc' });
    await served.insert({ origin: "JFK", delay: 20, big: "-5", distance: 7 });
    await served.insert({ origin: "SFO", delay: 1, note: "naïve ✈" });
  });
  afterAll(() => served.close());
  beforeEach(() => void (served.answered.length = 0));

  it("answer with data, meta, rows and statistics as JSON", async () => {
    const response = await get("delays_by_origin");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("private, no-cache");
    const body = (await response.json()) as Record<string, unknown>;
    expect(Object.keys(body)).toEqual(["data", "meta", "rows", "statistics"]);
    expect(body["data"]).toEqual([
      { origin: "JFK", flights: 2, mean_delay: 15 },
      { origin: "SFO", flights: 1, mean_delay: 1 },
    ]);
    expect(body["meta"]).toEqual([
      { name: "origin", type: "String" },
      { name: "flights", type: "UInt64" },
      { name: "mean_delay", type: "Float64" },
    ]);
    expect(body["rows"]).toBe(2);
    expect(body["statistics"]).toEqual({
      elapsed: expect.any(Number),
      rows_read: expect.any(Number),
      bytes_read: expect.any(Number),
    });
  });

  it("give an empty list without rows", async () => {
    const body = (await (await get("delays_by_origin?origin=XXX")).json()) as Record<string, unknown>;
    expect([body["data"], body["rows"]]).toEqual([[], 0]);
    expect(await (await get("delays_by_origin?origin=XXX&format=ndjson")).text()).toBe("");
    expect(await (await get("delays_by_origin?origin=XXX&format=csv")).text()).toBe(
      '"origin","flights","mean_delay"\n',
    );
  });

  it("give datetimes as ISO 8601 with Z, and integers beyond 53 bits as strings", async () => {
    const { data } = (await (await get("rows")).json()) as { data: Record<string, unknown>[] };
    expect(data.map((row) => row["big"])).toEqual(["9007199254740993", -5, 0]);
    expect(data[0]?.["date"]).toBe("2001-02-03T04:05:06.789Z");
    expect(data[0]?.["note"]).toBe('a,"b"\nc');
    expect(data[2]?.["note"]).toBe("naïve ✈");
    expect(data[0]?.["distance"]).toBeNull();
  });

  it("give NDJSON, one row a line", async () => {
    const response = await get("rows", { accept: "application/x-ndjson" });
    expect(response.headers.get("content-type")).toContain("application/x-ndjson");
    const lines = (await response.text()).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => (JSON.parse(line) as { flight_id: string }).flight_id)).toHaveLength(3);
  });

  it("give CSV with a header, quoted as RFC 4180 says", async () => {
    const response = await get("rows?format=csv");
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
    const text = await response.text();
    expect(text.split("\n")[0]).toBe('"flight_id","date","delay","distance","big","note"');
    expect(text).toContain('"a,""b""\nc"');
  });

  it("refuse formats that there aren't, with those that there are", async () => {
    for (const response of [await get("rows?format=xml"), await get("rows", { accept: "image/png" })]) {
      expect(response.status).toBe(406);
      const problem = (await response.json()) as Record<string, unknown>;
      expect(problem["code"]).toBe("not_acceptable");
      expect(problem["formats"]).toEqual(["json", "ndjson", "csv", "parquet", "arrow"]);
    }
  });

  it("know their parameters and refuse bad ones by name", async () => {
    const cases = [
      ["limit=0", "limit"],
      ["limit=many", "limit"],
      ["from=yesterday", "from"],
      ["orgin=JFK", "orgin"],
      ["origin=JFK&origin=SFO", "origin"],
    ] as const;
    for (const [query, parameter] of cases) {
      const response = await get(`delays_by_origin?${query}`);
      expect(await response.json()).toMatchObject({ status: 400, code: "bad_parameter", parameter });
    }
  });

  it("404 names the nearest endpoint", async () => {
    const response = await get("delay_by_origin");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "unknown_endpoint", nearest: "delays_by_origin" });
  });

  it("take parameters in a JSON body by POST, as by GET", async () => {
    const post = (path: string, body: string, type = "application/json") =>
      fetch(`${served.url}/v1/endpoints/${path}`, {
        method: "POST",
        body,
        headers: { "content-type": type },
      });
    const answer = await post("delays_by_origin", JSON.stringify({ origin: "SFO", limit: 5 }));
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { rows: number }).rows).toBe(1);
    expect((await post("delays_by_origin?format=csv", "{}")).headers.get("content-type")).toContain(
      "text/csv",
    );
    expect((await post("delays_by_origin", "[1]")).status).toBe(400);
    expect((await post("delays_by_origin", "{broken")).status).toBe(400);
    expect((await post("delays_by_origin?origin=JFK", "{}")).status).toBe(400);
    expect((await post("delays_by_origin", "a=1", "text/plain")).status).toBe(415);
    expect((await post("delays_by_origin", JSON.stringify({ origin: "x".repeat(300_000) }))).status).toBe(
      413,
    );
    expect((await post("delays_by_origin", '{"__proto__":{"limit":1}}')).status).toBe(400);
    expect(await (await post("delays_by_origin", '{"limit":"many"}')).json()).toMatchObject({
      parameter: "limit",
    });
    const doubled = await post("delays_by_origin", '{"limit":3,"l\\u0069mit":4}');
    expect([doubled.status, await doubled.json()]).toMatchObject([
      400,
      { code: "bad_parameter", parameter: "limit", detail: 'Parameter "limit": /limit is there twice' },
    ]);
    const deep = await post("delays_by_origin", `{"limit":${"[".repeat(50_000)}${"]".repeat(50_000)}}`);
    expect([deep.status, await deep.json()]).toMatchObject([400, { code: "body_unreadable" }]);
    const bare = await fetch(`${served.url}/v1/endpoints/rows`, { method: "POST" });
    expect(bare.status).toBe(200);
  });

  it("answer HEAD with the headers of GET and no body", async () => {
    const options = { headers: { "accept-encoding": "identity" } };
    const url = `${served.url}/v1/endpoints/rows`;
    const [whole, head] = [await fetch(url, options), await fetch(url, { ...options, method: "HEAD" })];
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    for (const name of ["content-type", "content-length", "etag"]) {
      expect(head.headers.get(name)).toBe(whole.headers.get(name));
    }
    const large = await fetch(`${served.url}/v1/endpoints/numbers?count=5000000`, { method: "HEAD" });
    expect(large.status).toBe(200);
    expect(await large.text()).toBe("");
  });

  it.each([
    "'; DROP TABLE flights; --",
    "' OR 1=1 --",
    "\\'; SELECT 1; --",
    "x' UNION ALL SELECT name FROM system.tables --",
    "{p1:String}",
    "\\N",
    "a\tb\\tc",
    "line\nbreak\r\n",
    "\0nul",
    "`flights`",
    "${1+1}",
    "%27%20OR%201",
    "☃ \u{1F600} '",
    "]['a','b",
    "\\",
    "\\\\'",
  ])("SQL in a parameter stays a value: %j", async (text) => {
    const query = new URLSearchParams({ text });
    query.append("list", text);
    query.append("list", "b");
    const { data } = (await (await get(`kinds?${query.toString()}`)).json()) as {
      data: Record<string, unknown>[];
    };
    expect(data[0]?.["text"]).toBe(text);
    expect(data[0]?.["list"]).toEqual([text, "b"]);
    const found = (await (
      await get(`delays_by_origin?${new URLSearchParams({ origin: text }).toString()}`)
    ).json()) as {
      rows: number;
    };
    expect(found.rows).toBe(0);
    expect(((await (await get("delays_by_origin")).json()) as { rows: number }).rows).toBe(2);
  });

  it.each(["day", "moment", "whole", "part", "flag"])(
    "SQL in a parameter that isn't text is refused: %s",
    async (name) => {
      const response = await get(`kinds?${new URLSearchParams({ [name]: "1) OR (1=1" }).toString()}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "bad_parameter", parameter: name });
    },
  );

  it("bind each type of parameter", async () => {
    const query = "text=a&day=2001-02-03&whole=9007199254740991&part=1.5&flag=true&list=x&list=y";
    const { data } = (await (await get(`kinds?${query}`)).json()) as { data: unknown[] };
    expect(data[0]).toMatchObject({
      text: "a",
      day: "2001-02-03",
      whole: 9007199254740991,
      part: 1.5,
      flag: true,
      list: ["x", "y"],
    });
  });

  it("stop a query at its time limit with 504, and the engine goes on", async () => {
    const start = performance.now();
    const response = await get("forever");
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "query_timeout" });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect((await get("rows")).status).toBe(200);
  });

  it("stop a query at its memory limit with 507", async () => {
    const response = await get("hungry");
    expect(response.status).toBe(507);
    expect(await response.json()).toMatchObject({ code: "query_too_large" });
  });

  it("refuse more bytes than the limit with 507", async () => {
    expect((await get("bytes_limited?count=5")).status).toBe(200);
    const response = await get("bytes_limited?count=5000");
    expect(response.status).toBe(507);
  });

  it("never let 100 million rows look like an answer, whichever limit they meet", async () => {
    // Before the first byte it is a problem document; after it the connection is cut.
    const outcome = await get("numbers_limited?count=100000000&format=ndjson")
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch(() => ({ status: 507, text: "cut" }));
    expect(outcome.status).toBe(507);
  });

  it("stream a large JSON answer whole", async () => {
    const response = await get("numbers?count=300000&format=json");
    expect(response.headers.get("content-length")).toBeNull();
    const text = await response.text();
    expect(text.length).toBeGreaterThan(WHOLE_ANSWER_MAX);
    const { data, rows: count } = JSON.parse(text) as { data: { number: number }[]; rows: number };
    expect(count).toBe(300_000);
    expect(data.every((row, index) => row.number === index)).toBe(true);
  });

  it.each([
    ["ndjson", 300_000],
    ["csv", 300_001],
  ])("stream a large answer whole: %s", async (format, lines) => {
    const response = await get(`numbers?count=300000&format=${format}`);
    expect(response.headers.get("content-length")).toBeNull();
    const text = await response.text();
    expect(text.length).toBeGreaterThan(WHOLE_ANSWER_MAX);
    expect(text.split("\n")).toHaveLength(lines + 1);
    expect(text.trimEnd().split("\n").at(-1)).toContain("299999");
  });

  it("keep memory flat while a large answer goes to a slow client", async () => {
    const request = httpRequest(`${served.url}/v1/endpoints/numbers?count=10000000&format=ndjson`);
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let bytes = 0;
    let peak = 0;
    const before = process.memoryUsage().rss;
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > 100_000_000) break;
      if (bytes % 64 === 0) peak = Math.max(peak, process.memoryUsage().rss);
    }
    peak = Math.max(peak, process.memoryUsage().rss);
    response.destroy();
    expect(bytes).toBeGreaterThan(100_000_000);
    expect(peak - before).toBeLessThan(150_000_000);
  });

  it.each(["identity", "gzip"])(
    "cut the connection when an answer fails after its first byte: %s",
    async (encoding) => {
      const response = await get("late_failure?format=ndjson", { "accept-encoding": encoding });
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow(/terminated|socket|closed|reset/);
      await until(() =>
        served.answered.some((one) => one.endpoint === "late_failure" && one.status === "cut"),
      );
      expect((await get("rows")).status).toBe(200);
    },
  );

  it("reset the connection when an answer without chunks fails, since its end alone would look like the whole", async () => {
    const { hostname, port } = new URL(served.url);
    const socket = connect({ host: hostname, port: Number(port) });
    const reset = once(socket, "error").then(([error]) => (error as NodeJS.ErrnoException).code);
    socket.resume();
    socket.write(`GET /v1/endpoints/late_failure?format=ndjson HTTP/1.0\r\nHost: ${hostname}\r\n\r\n`);
    expect(await reset).toBe("ECONNRESET");
  });

  it("give a problem, not a part, when a small answer's query fails", async () => {
    const response = await get("broken");
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: "query_failed" });
  });

  it("give a problem when the project's own query function throws", async () => {
    const response = await get("throwing");
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      code: "query_failed",
      detail: expect.stringContaining("throwing"),
    });
  });

  it.each([
    ["gzip", gunzipSync],
    ["br", brotliDecompressSync],
    ["zstd", zstdDecompressSync],
  ] as const)("compress answers by Accept-Encoding: %s", async (encoding, decompress) => {
    for (const path of ["long?format=ndjson", "numbers?count=500000&format=ndjson"]) {
      const plain = await raw(`${served.url}/v1/endpoints/${path}`, "identity");
      const packed = await raw(`${served.url}/v1/endpoints/${path}`, encoding);
      expect(packed.headers["content-encoding"]).toBe(encoding);
      expect(packed.headers.vary).toContain("accept-encoding");
      expect(packed.headers.etag).toBe(plain.headers.etag);
      expect(packed.body.length).toBeLessThan(plain.body.length / 2);
      expect(decompress(packed.body).equals(plain.body)).toBe(true);
    }
    const small = await raw(`${served.url}/v1/endpoints/kinds`, encoding);
    expect(small.headers["content-encoding"]).toBeUndefined();
  });

  it("tell the observer what came of each request", async () => {
    await (await get("delays_by_origin?limit=7")).text();
    await (await get("delays_by_origin?limit=7")).text();
    await (await get("delays_by_origin?limit=x")).text();
    await until(() => served.answered.length >= 3);
    expect(served.answered.map(({ endpoint, status, cache }) => ({ endpoint, status, cache }))).toEqual([
      { endpoint: "delays_by_origin", status: 200, cache: "miss" },
      { endpoint: "delays_by_origin", status: 200, cache: "hit" },
      { endpoint: "delays_by_origin", status: 400, cache: "none" },
    ]);
    expect(served.answered.every((one) => one.duration >= 0)).toBe(true);
    expect(served.served.cacheBytes()).toBeGreaterThan(0);
    expect(flights.name).toBe("flights");
  });
});

/** A request without a client's own decompression. */
async function raw(url: string, encoding: string) {
  const request = httpRequest(url, { headers: { "accept-encoding": encoding } });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const chunk of response) parts.push(chunk as Buffer);
  return { headers: response.headers, body: Buffer.concat(parts) };
}
