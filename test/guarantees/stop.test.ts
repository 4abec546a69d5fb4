import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seededRandom } from "../support/random.ts";
import { lastAnswer, rawConnection } from "../support/raw-http.ts";
import { startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { CLEAN, compare, EventMaker, type SentBatch } from "./oracle.ts";
import { counts, rejected, rows } from "./stored.ts";

const PROJECT = join(import.meta.dirname, "kill-project");
const ROUNDS = 3;
const WRITERS = 6;

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "headrace-stop-"));
});
afterEach(async () => {
  await rm(data, { recursive: true, force: true });
});

interface Traffic {
  readonly maker: EventMaker;
  readonly sent: SentBatch[];
}

/**
 * Sends on one connection, a request at a time, until the server closes it. A request that crosses the closing of its
 * idle connection is the one that HTTP/1.1 leaves without an answer (RFC 9112, 9.5): it must not have been taken.
 */
async function writeUntilStopped(url: string, writer: string, traffic: Traffic): Promise<string> {
  const connection = await rawConnection(url);
  let closed = false;
  void connection.closed().then(() => (closed = true));
  for (;;) {
    const batch = traffic.maker.batch("plain", writer, false);
    const before = connection.received().length;
    connection.send(
      `POST /v1/streams/plain/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n` +
        `Content-Length: ${Buffer.byteLength(batch.body)}\r\n\r\n${batch.body}`,
    );
    traffic.sent.push(batch);
    const answer = (): string => connection.received().slice(before);
    await until(() => isWhole(answer()) || closed);
    if (answer() === "") return "crossed the closing";
    const { status, body } = lastAnswer(answer());
    batch.outcome = status;
    if (status === 503) return String(body["code"]);
    if (/^connection: close/im.test(answer())) return "answered, then closed";
  }
}

/** Whether an answer has all the bytes that it announces. */
function isWhole(answer: string): boolean {
  const [, length] = /^content-length: (\d+)/im.exec(answer) ?? [];
  const end = answer.indexOf("\r\n\r\n");
  return length !== undefined && end !== -1 && answer.length >= end + 4 + Number(length);
}

test(
  `${ROUNDS} times stopped with SIGTERM under load: every request that was taken is answered, and what was acknowledged is there`,
  {
    timeout: 120_000,
  },
  async () => {
    const traffic: Traffic = { maker: new EventMaker(seededRandom(1)), sent: [] };
    const { sent } = traffic;
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServerProcess({ project: PROJECT, data });
      const already = sent.length;
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        writeUntilStopped(server.url, `writer-${writer}`, traffic),
      );
      await until(() => sent.length > already + 50 * (round + 1));
      expect(await server.stop("SIGTERM")).toBe(0);
      for (const end of await Promise.all(writers))
        expect(end).toMatch(/^(draining|answered, then closed|crossed the closing)$/);
    }
    const accepted = sent.filter(({ outcome }) => outcome === 202);
    const others = sent.filter(({ outcome }) => outcome !== 202 && outcome !== 503);
    expect(others.filter(({ outcome }) => outcome !== "unanswered")).toEqual([]);
    expect(others.length).toBeLessThanOrEqual(ROUNDS * WRITERS);
    expect(accepted.length).toBeGreaterThan(ROUNDS * 50);

    const server = await startServerProcess({ project: PROJECT, data });
    try {
      const stored = await rows(server.url, "plain");
      expect(compare(sent, stored, await rejected(server.url, "plain"))).toMatchObject(CLEAN);
      // A batch that was refused with 503, or crossed the closing, left nothing.
      expect(stored).toHaveLength(accepted.reduce((sum, { good }) => sum + good.length, 0));
      expect(await counts(server.url, "plain")).toMatchObject({ events: stored.length, lag: 0 });
    } finally {
      await server.stop("SIGKILL");
    }
  },
);

test("a client that never ends its body doesn't keep the server from stopping within 10 s, with exit code 0", async () => {
  const server = await startServerProcess({ project: PROJECT, data });
  const slow = await rawConnection(server.url);
  slow.send(
    `POST /v1/streams/plain/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[`,
  );
  // Its request has begun when a later one on another connection has been answered.
  await until(() => slow.socket.bytesWritten > 100);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  const from = performance.now();
  expect(await server.stop("SIGTERM")).toBe(0);
  expect(performance.now() - from).toBeLessThan(10_000);
  expect(server.output()).toContain(`"msg":"stopped"`);
});
