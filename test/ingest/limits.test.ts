import { randomBytes } from "node:crypto";
import {
  brotliCompressSync,
  constants,
  createGzip,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { KIB, MIB } from "../../src/units.ts";
import { rawConnection } from "../support/raw-http.ts";
import { SimulatedDisk } from "../support/simulated-disk.ts";
import { until } from "../support/until.ts";
import { startIngest, type IngestTestOptions, type IngestUnderTest } from "./ingest-server.ts";

let ingest: IngestUnderTest;
afterEach(async () => {
  await ingest.stop();
});

async function start(options: IngestTestOptions = {}): Promise<void> {
  ingest = await startIngest(options);
}

const end = (): number => ingest.log.status("flights", 0).end.offset;
const encoded = (encoding: string) => ({ headers: { "content-encoding": encoding } });
const LINES = `{"n":1}\n{"n":2}\n`;
/** What becomes of a second compressed text behind the first: gzip and zstd are made of any number. */
const COMPRESS: readonly (readonly [string, (text: string | Buffer) => Buffer, "read" | "refused"])[] = [
  ["gzip", gzipSync, "read"],
  ["deflate", deflateSync, "refused"],
  ["br", quickBrotli, "refused"],
  ["zstd", zstdCompressSync, "read"],
];

/** The default, the densest, takes tens of seconds for some megabytes on a busy machine. */
function quickBrotli(text: string | Buffer): Buffer {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });
}

/** `bytes` zeros, gzipped, made without holding them. */
async function gzippedZeros(bytes: number): Promise<Buffer> {
  const gzip = createGzip({ level: 9 });
  const chunks: Buffer[] = [];
  gzip.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve) => gzip.on("end", resolve));
  const zeros = Buffer.alloc(16 * MIB);
  for (let left = bytes; left > 0; left -= zeros.length) {
    if (!gzip.write(zeros)) await new Promise((resolve) => gzip.once("drain", resolve));
  }
  gzip.end();
  await ended;
  return Buffer.concat(chunks);
}

describe.each(COMPRESS)("a body in %s", (encoding, compress, further) => {
  test("is read, small and large, in one piece and in many", async () => {
    await start();
    expect((await ingest.post(compress(LINES), encoded(encoding))).body).toMatchObject({ accepted: 2 });
    const large = Array.from(
      { length: 100_000 },
      (_, n) => `{"n":${n},"note":"${randomBytes(12).toString("hex")}"}\n`,
    ).join("");
    const sent = compress(large);
    const pieces = new ReadableStream({
      start(controller) {
        for (let at = 0; at < sent.length; at += 7 * KIB) controller.enqueue(sent.subarray(at, at + 7 * KIB));
        controller.close();
      },
    });
    expect((await ingest.post(pieces, encoded(encoding))).body).toMatchObject({
      accepted: 100_000,
      rejected: 0,
    });
    expect(`${(await ingest.kept()).events.slice(2).join("\n")}\n` === large).toBe(true);
  });

  test("that is cut off, damaged, empty or not compressed at all is 400, and nothing is kept", async () => {
    await start();
    const whole = compress(LINES.repeat(100));
    const damaged = Buffer.from(whole);
    damaged.fill(0xff, Math.floor(damaged.length / 2));
    for (const body of [whole.subarray(0, -3), damaged, Buffer.alloc(0), Buffer.from(LINES)]) {
      const answer = await ingest.post(body, encoded(encoding));
      expect([answer.status, answer.body["code"]]).toEqual([400, "body_unreadable"]);
    }
    expect(end()).toBe(0);
  });

  test("never loses what follows its end: it is read or refused", async () => {
    await start();
    const [one, two] = [compress(`{"n":1}\n`), compress(`{"n":2}\n`)];
    const together = await ingest.post(Buffer.concat([one, two]), encoded(encoding));
    const apart = await ingest.post(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(one);
          await new Promise((resolve) => setImmediate(resolve));
          controller.enqueue(two);
          controller.close();
        },
      }),
      encoded(encoding),
    );
    const expected = further === "read" ? { accepted: 2 } : { code: "body_unreadable", status: 400 };
    expect([together.body, apart.body]).toMatchObject([expected, expected]);
    const tiny = Buffer.concat(Array.from({ length: 500 }, () => one));
    expect((await ingest.post(tiny, encoded(encoding))).body).toMatchObject(
      further === "read" ? { accepted: 500 } : expected,
    );
    const garbage = await ingest.post(Buffer.concat([one, Buffer.from("garbage")]), encoded(encoding));
    expect([garbage.status, garbage.body["code"]]).toEqual([400, "body_unreadable"]);
  });
});

test("a zstd body of more frames than the limit is refused", async () => {
  await start();
  const frames = Buffer.concat(Array.from({ length: 1001 }, () => zstdCompressSync(`{"n":1}\n`)));
  const answer = await ingest.post(frames, encoded("zstd"));
  expect([answer.status, answer.body["code"]]).toEqual([400, "body_unreadable"]);
  expect(end()).toBe(0);
});

describe("sizes", () => {
  test("1 GiB of zeros in 1 MiB of gzip is 413 that names the limit, at the cost of the limit only", async () => {
    await start();
    const bomb = await gzippedZeros(1024 * MIB);
    expect(bomb.length).toBeLessThan(2 * MIB);
    let peak = 0;
    const before = process.memoryUsage().rss;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss - before)), 2);
    const answer = await ingest.post(bomb, encoded("gzip"));
    clearInterval(watch);
    expect([answer.status, answer.body]).toMatchObject([
      413,
      { code: "body_too_large", limit: "HEADRACE_INGEST_DECOMPRESSED_MAX", max: 64 * MIB },
    ]);
    expect(answer.body["detail"]).toContain("HEADRACE_INGEST_DECOMPRESSED_MAX");
    expect(peak).toBeLessThan(300 * MIB);
    expect((await ingest.post(LINES)).status).toBe(202);
  });

  test("a body over the limit is 413, announced or not, and the answer arrives although the body goes on", async () => {
    await start({ limits: { bodyBytesMax: 100 * KIB } });
    const large = `{"n":1}\n`.repeat(64 * KIB);
    const announced = await ingest.post(large);
    const streamed = await ingest.post(new Blob([large]).stream());
    const compressed = await ingest.post(gzipSync(randomBytes(200 * KIB)), encoded("gzip"));
    for (const answer of [announced, streamed, compressed]) {
      expect([answer.status, answer.body]).toMatchObject([
        413,
        { code: "body_too_large", limit: "HEADRACE_INGEST_BODY_MAX", max: 100 * KIB },
      ]);
    }
    expect(end()).toBe(0);
    expect((await ingest.post(LINES)).status).toBe(202);
  });

  test("a body of exactly the limit is taken, one byte more is not", async () => {
    await start({ limits: { bodyBytesMax: LINES.length } });
    expect((await ingest.post(LINES)).status).toBe(202);
    expect((await ingest.post(`${LINES}\n`)).status).toBe(413);
  });

  test("more events than the limit are 413, and nothing is kept", async () => {
    await start({ limits: { eventsMax: 2 } });
    expect((await ingest.post(LINES)).status).toBe(202);
    const answer = await ingest.post(`${LINES}{"n":3}\n`);
    expect([answer.status, answer.body]).toMatchObject([
      413,
      { code: "body_too_large", limit: "HEADRACE_INGEST_EVENTS_MAX", max: 2 },
    ]);
    expect(end()).toBe(2);
  });

  test("an event over its limit is rejected", async () => {
    await start({ limits: { eventBytesMax: 20 } });
    const answer = await ingest.post(`{"n":1}\n{"n":2,"note":"0123456789"}\n`);
    expect(answer.body).toMatchObject({ accepted: 1, rejected: 1 });
  });
});

describe("overload", () => {
  test("bodies over the memory set aside for them are 429 before they are read, and those in flight go on", async () => {
    await start({ limits: { inFlightBytesMax: 100 * KIB } });
    const slow = await rawConnection(ingest.url);
    const note = "x".repeat(60 * KIB);
    const line = `{"n":1,"note":"${note}"}\n`;
    slow.send(
      `POST /v1/streams/flights/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n` +
        `Connection: close\r\nContent-Length: ${line.length}\r\n\r\n${line.slice(0, -1)}`,
    );
    const large = `{"n":2,"note":"${note}"}\n`;
    await until(async () => (await ingest.post(large)).status === 429);
    const announced = await ingest.post(large);
    const streamed = await ingest.post(new Blob([large]).stream());
    for (const answer of [announced, streamed]) {
      expect([answer.status, answer.body]).toMatchObject([
        429,
        { code: "overloaded", limit: "HEADRACE_INGEST_IN_FLIGHT_MAX" },
      ]);
      expect(answer.headers.get("retry-after")).toBe("1");
    }
    expect((await ingest.post(LINES)).status).toBe(202);
    slow.send("\n");
    expect(await slow.closed()).toContain(`{"accepted":1,"rejected":0,"errors":[]}`);
    expect((await ingest.post(large)).status).toBe(202);
  });

  test("a body that could never fit is 413, not 429", async () => {
    await start({ limits: { inFlightBytesMax: 10 * KIB } });
    const answer = await ingest.post(`{"n":1}\n`.repeat(2 * KIB));
    expect([answer.status, answer.body]).toMatchObject([413, { limit: "HEADRACE_INGEST_IN_FLIGHT_MAX" }]);
  });

  test("the memory is given back whatever becomes of a request", async () => {
    await start({ limits: { inFlightBytesMax: 20 * KIB } });
    const body = `{"n":1}\n`.repeat(KIB);
    for (let i = 0; i < 10; i++) {
      expect((await ingest.post(body)).status).toBe(202);
      expect((await ingest.post(`${body}[`, { type: "application/json" })).status).toBe(400);
      expect((await ingest.post(gzipSync(body).subarray(0, -4), encoded("gzip"))).status).toBe(400);
      expect((await ingest.post(`${body}bad`, { query: "?on_invalid=fail" })).status).toBe(422);
      const broken = await rawConnection(ingest.url);
      broken.send(
        `POST /v1/streams/flights/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n` +
          `Content-Length: 10000\r\n\r\n${body}`,
      );
      await until(() => broken.socket.bytesWritten > body.length);
      broken.socket.destroy();
    }
    await until(async () => (await ingest.post(`{"n":1}\n`.repeat(2.2 * KIB))).status === 202);
  });

  test("a lag over its limit is 429 with Retry-After until the loader has caught up", async () => {
    let lagEvents = 101;
    await start({ limits: { lagEventsMax: 100 }, lagEvents: () => lagEvents });
    const answer = await ingest.post(LINES);
    expect([answer.status, answer.body]).toMatchObject([
      429,
      { code: "overloaded", limit: "HEADRACE_INGEST_LAG_MAX" },
    ]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(end()).toBe(0);
    lagEvents = 100;
    expect((await ingest.post(LINES)).status).toBe(202);
  });
});

test("a log that is older than the store takes nothing, until that is put right", async () => {
  let closed: string | undefined = "flights: it is an older copy than the store";
  await start({ closed: () => closed });
  const answer = await ingest.post(LINES);
  expect([answer.status, answer.body]).toMatchObject([503, { code: "store_mismatch", detail: closed }]);
  expect(end()).toBe(0);
  closed = undefined;
  expect((await ingest.post(LINES)).status).toBe(202);
});

describe("a log that can't take more", () => {
  test.each([
    ["ENOSPC", "log_full"],
    ["EIO", "log_failed"],
  ])("%s is 503 %s, and nothing of the request is kept", async (fault, code) => {
    const disk = new SimulatedDisk(1);
    await start({ log: { fileSystem: disk } });
    expect((await ingest.post(LINES)).status).toBe(202);
    disk.fault = ({ name }) => (name === "write" ? fault : undefined);
    const answer = await ingest.post(LINES, { headers: { "idempotency-key": "a" } });
    expect([answer.status, answer.body["code"]]).toEqual([503, code]);
    expect(end()).toBe(2);
    if (code !== "log_full") return;
    disk.fault = () => undefined;
    await until(async () => {
      const again = await ingest.post(LINES, { headers: { "idempotency-key": "a" } });
      return again.status === 202 && !again.headers.has("idempotency-replayed");
    });
    expect(end()).toBe(4);
  });
});
