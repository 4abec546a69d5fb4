import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startServer, type RunningServer } from "../../src/compose.ts";
import { loadConfig } from "../../src/config.ts";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { defineProject } from "../../src/project/define-project.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { sql } from "../../src/project/sql.ts";
import { MIB } from "../../src/units.ts";

// The list of what comes in badly, against the whole server: each has its answer, and whatever it is, the good events
// that come with it and after it are rows.

const readings = defineStream("readings", {
  schema: z.object({
    n: z.int32(),
    at: z.iso.datetime({ offset: true }).optional(),
    big: z.int64().optional(),
    ratio: z.float64().optional(),
    text: z.string().optional(),
  }),
  freshness: "100ms",
  table: { orderBy: ["n"] },
});

const rowsByText = defineEndpoint("rows", {
  params: z.object({
    text: z.string().optional(),
    day: z.iso.date().optional(),
    n: z.int().optional(),
    list: z.array(z.string()).default([]),
    flag: z.boolean().optional(),
  }),
  limits: { rows: 100_000 },
  query: ({ text, day, n, list, flag }) => sql`
    SELECT n, at, big, ratio, text FROM ${readings}
    WHERE 1 ${text === undefined ? sql`` : sql`AND text = ${text}`}
      ${day === undefined ? sql`` : sql`AND at >= ${day}`}
      ${n === undefined ? sql`` : sql`AND n = ${n}`}
      ${list.length === 0 ? sql`` : sql`AND has(${list}, text)`}
      ${flag === undefined ? sql`` : sql`AND ${flag}`}
    ORDER BY n, text`,
});
/** Would run for an hour and more. */
const forever = defineEndpoint("forever", {
  limits: { time: "1s" },
  query: () => sql`SELECT max(sipHash64(number)) AS hash FROM numbers(100000000000)`,
});
const endless = defineEndpoint("endless", {
  query: () => sql`SELECT number, toString(number) AS text FROM numbers(100000000)`,
});
const project = defineProject({
  name: "bad",
  streams: [readings],
  endpoints: [rowsByText, forever, endless],
});

let folder: string;
let server: RunningServer;
/** Events that must be rows. */
const good: unknown[] = [];
let rejected = 0;
const logged: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-bad-"));
  server = await start();
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
afterEach(stillWhole);

/** After each: the server takes events, and all good ones so far are rows. */
async function stillWhole(): Promise<void> {
  const event = { n: good.length };
  expect(await post(JSON.stringify(event), { query: "?wait=stored" })).toMatchObject({
    status: 200,
    body: { accepted: 1, stored: 1 },
  });
  good.push(event);
  expect((await rows("")).length).toBe(good.length);
}

function start(): Promise<RunningServer> {
  const flags = { port: "0", data: join(folder, "data") };
  const logger = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  return startServer({ project, config: loadConfig({ projectFolder: folder, flags, env: {} }), logger });
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(
  body: string | Buffer,
  options: { readonly type?: string; readonly query?: string; readonly encoding?: string } = {},
): Promise<Answer> {
  const { type = "application/json", query = "", encoding } = options;
  const response = await fetch(`${server.url}/v1/streams/readings/events${query}`, {
    method: "POST",
    headers: { "content-type": type, ...(encoding === undefined ? {} : { "content-encoding": encoding }) },
    body: new Uint8Array(Buffer.from(body)),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const get = (path: string): Promise<Response> => fetch(`${server.url}${path}`);

async function rows(query: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { data } = (await (await get(`/v1/endpoints/rows${query}`)).json()) as {
    data: Record<string, unknown>[];
  };
  return data;
}

async function listed(): Promise<{ readonly text: string; readonly count: number }> {
  const text = await (await get("/v1/streams/readings/rejected?limit=1000")).text();
  return { text, count: (JSON.parse(text) as { data: unknown[] }).data.length };
}

describe("a document that can't be read is 400, and nothing of it is kept", () => {
  test.each([
    ["empty", "", "empty"],
    ["truncated", `[{"n":1},{"n":`, "isn't a readable JSON document"],
    ["concatenated", `{"n":1}{"n":2}`, "application/x-ndjson"],
    ["NUL bytes", "\0\0", "isn't a readable JSON document"],
    ["UTF-16", Buffer.from(`{"n":1}`, "utf16le"), "isn't a readable JSON document"],
  ])("%s", async (_name, body, words) => {
    expect(await post(body)).toMatchObject({
      status: 400,
      body: { code: "body_unreadable", detail: expect.stringContaining(words) as unknown },
    });
  });

  test("a gzip bomb is 413", async () => {
    const bomb = gzipSync(Buffer.alloc(256 * MIB), { level: constants.Z_BEST_SPEED });
    expect(await post(bomb, { encoding: "gzip" })).toMatchObject({
      status: 413,
      body: { code: "body_too_large", limit: "HEADRACE_INGEST_DECOMPRESSED_MAX" },
    });
  });
});

describe("a bad event is rejected, kept and listed as it came, and its neighbours are rows", () => {
  test.each([
    ["truncated", `{"n":`, "invalid_json"],
    ["two on a line", `{"n":1}{"n":2}`, "invalid_json"],
    ["deep", `{"n":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, "too_deep"],
    ["__proto__", `{"n":1,"__proto__":{"polluted":1}}`, "unknown_field"],
    ["constructor", `{"n":1,"constructor":{"prototype":{"polluted":1}}}`, "unknown_field"],
    ["duplicate keys", `{"n":1,"n":2}`, "duplicate_field"],
    ["duplicate keys, spelt differently", `{"n":1,"\\u006e":2}`, "duplicate_field"],
    ["NaN", `{"n":1,"ratio":NaN}`, "invalid_json"],
    ["1e400", `{"n":1,"ratio":1e400}`, "out_of_range"],
    ["an integer beyond 2^53 and the column", `{"n":9007199254740993}`, "out_of_range"],
    ["an integer just beyond the column", `{"n":2147483648}`, "out_of_range"],
    ["a 64-bit integer beyond the column", `{"n":1,"big":9223372036854775808}`, "out_of_range"],
    ["a date before the column's first", `{"n":1,"at":"1899-12-31T23:59:59Z"}`, "out_of_range"],
    ["a date after the column's last", `{"n":1,"at":"2300-01-01T00:00:00Z"}`, "out_of_range"],
    ["a date that there isn't", `{"n":1,"at":"2001-02-30T00:00:00Z"}`, "invalid_format"],
    ["digits that the column doesn't keep", `{"n":1,"at":"2001-02-03T04:05:06.7891Z"}`, "not_exact"],
    ["a lone surrogate", `{"n":1,"text":"\\ud800"}`, "invalid_utf8"],
    ["a raw NUL", `{"n":1,"text":"\0"}`, "invalid_json"],
  ])("%s", async (_name, event, code) => {
    const answer = await postBetween(Buffer.from(event));
    expect(answer.body["errors"]).toEqual([expect.objectContaining({ index: 1, code })]);
    const { text, count } = await listed();
    expect(count).toBe(rejected);
    const asText = JSON.stringify(event);
    expect(text.includes(`"event":${event},`) || text.includes(`"event":${asText},`)).toBe(true);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  test("invalid UTF-8", async () => {
    const event = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
    const answer = await postBetween(event);
    expect(answer.body["errors"]).toMatchObject([{ index: 1, code: "invalid_utf8" }]);
    expect((await listed()).text).toContain(`"event":"${event.toString("base64")}"`);
  });

  test("5 MB", async () => {
    const answer = await postBetween(Buffer.from(`{"n":1,"text":"${"x".repeat(5_000_000)}"}`));
    expect(answer.body["errors"]).toMatchObject([{ index: 1, code: "too_large" }]);
    expect(await listed()).toMatchObject({
      count: rejected,
      text: expect.stringContaining(`"code":"truncated"`) as unknown,
    });
  });
});

/** Sends an event between two good ones. */
async function postBetween(event: Buffer): Promise<Answer> {
  const around = [{ n: good.length }, { n: good.length + 1 }];
  const [first, last] = around.map((one) => JSON.stringify(one));
  const body = Buffer.concat([Buffer.from(`${first}\n`), event, Buffer.from(`\n${last}`)]);
  const answer = await post(body, { type: "application/x-ndjson", query: "?wait=stored" });
  expect(answer).toMatchObject({ status: 200, body: { accepted: 2, rejected: 1, stored: 2 } });
  good.push(...around);
  rejected += 1;
  return answer;
}

describe("spellings that are no fault are stored as they are meant", () => {
  test.each([
    ["a byte order mark", `\uFEFF{"n":1}\n`],
    ["CRLF", `{"n":1}\r\n`],
    ["no final newline", `{"n":1}`],
  ])("%s", async (_name, body) => {
    expect(await post(body, { type: "application/x-ndjson" })).toMatchObject({
      status: 202,
      body: { accepted: 1 },
    });
    good.push({ n: 1 });
  });

  test("an empty array is 202 with nothing", async () => {
    expect(await post("[]")).toEqual({ status: 202, body: { accepted: 0, rejected: 0, errors: [] } });
  });

  test("values at the columns' bounds, NUL and SQL as text come out as they went in", async () => {
    const events = [
      {
        n: -2147483648,
        at: "1900-01-01T00:00:00.000Z",
        big: "-9223372036854775808",
        ratio: 5e-324,
        text: "\0",
      },
      {
        n: 2147483647,
        at: "2299-12-31T23:59:59.999Z",
        big: "9223372036854775807",
        ratio: 1.7976931348623157e308,
        text: `'); DROP TABLE readings; -- \\' {text:String}`,
      },
      { n: 0, at: null, big: 9007199254740991, ratio: -0.1, text: "✈ é \u{1F600}" },
    ];
    expect(await post(JSON.stringify(events), { query: "?wait=stored" })).toMatchObject({
      status: 200,
      body: { stored: 3 },
    });
    good.push(...events);
    for (const event of events) {
      expect(await rows(`?${new URLSearchParams({ text: event.text }).toString()}`)).toEqual([event]);
    }
  });
});

describe("what is asked for badly", () => {
  test("an unknown stream and an unknown endpoint are 404 with the nearest name", async () => {
    const stream = await fetch(`${server.url}/v1/streams/reading/events`, { method: "POST", body: "{}" });
    expect([stream.status, await stream.json()]).toMatchObject([
      404,
      { code: "unknown_stream", nearest: "readings" },
    ]);
    const endpoint = await get("/v1/endpoints/row");
    expect([endpoint.status, await endpoint.json()]).toMatchObject([
      404,
      { code: "unknown_endpoint", nearest: "rows" },
    ]);
  });

  test.each(["text", "list"])("SQL in a parameter that is text finds nothing: %s", async (name) => {
    for (const text of ["' OR 1=1 --", "\\' OR 1 --", "'; DROP TABLE readings", "{n:Int32}", "\t\n\0\\N"]) {
      expect(await rows(`?${new URLSearchParams({ [name]: text }).toString()}`)).toEqual([]);
    }
  });

  test.each(["day", "n", "flag", "format", "nonsense", "1=1;--"])(
    "SQL in another is refused: %s",
    async (name) => {
      const response = await get(
        `/v1/endpoints/rows?${new URLSearchParams({ [name]: "1 OR 1=1" }).toString()}`,
      );
      expect([400, 406]).toContain(response.status);
      expect(await response.text()).toContain(name === "format" ? "not_acceptable" : "bad_parameter");
    },
  );

  test("an endpoint that runs for an hour is 504 after its time limit", async () => {
    const response = await get("/v1/endpoints/forever");
    expect([response.status, await response.json()]).toMatchObject([504, { code: "query_timeout" }]);
  });

  test.each(["json", "ndjson", "csv"])(
    "one that returns 100 million rows never looks whole: %s",
    async (format) => {
      const outcome = await get(`/v1/endpoints/endless?format=${format}`)
        .then(async (response) => `${response.status} ${(await response.text()).slice(-300)}`)
        .catch(() => "cut");
      expect(outcome).toMatch(/^(cut$|507 .*query_too_large)/);
    },
  );
});

test("a start on the same folder finds every row and every rejected event, and the log never held an event", async () => {
  const before = { rows: await rows(""), rejected: await listed() };
  await server.close();
  server = await start();
  expect({ rows: await rows(""), rejected: await listed() }).toEqual(before);
  expect(before.rows.length).toBe(good.length);
  expect(before.rejected.count).toBe(rejected);
  expect(logged.length).toBeGreaterThan(10);
  expect(logged.filter((line) => /DROP TABLE|polluted|2147483648|xxxxx/.test(line))).toEqual([]);
});
