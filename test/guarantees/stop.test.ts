import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seededRandom } from "../support/random.ts";
import { rawConnection } from "../support/raw-http.ts";
import { startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { CLEAN, compare, EventMaker } from "./oracle.ts";
import { counts, rejected, rows } from "./stored.ts";
import { GOOD_ENDS, writeUntilStopped, type WrittenUntilStopped } from "./write-until-stopped.ts";

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

test(
  `${ROUNDS} times stopped with SIGTERM under load: every request is answered, and what was acknowledged is there`,
  {
    timeout: 120_000,
  },
  async () => {
    const traffic: WrittenUntilStopped = { maker: new EventMaker(seededRandom(1)), sent: [] };
    const { sent } = traffic;
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServerProcess({ project: PROJECT, data });
      const already = sent.length;
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        writeUntilStopped(server.url, `writer-${writer}`, traffic),
      );
      await until(() => sent.length > already + 50 * (round + 1));
      expect(await server.stop("SIGTERM")).toBe(0);
      for (const end of await Promise.all(writers)) expect(GOOD_ENDS).toContain(end);
    }
    const accepted = sent.filter(({ outcome }) => outcome === 202);
    expect(sent.filter(({ outcome }) => outcome !== 202 && outcome !== 503)).toEqual([]);
    expect(accepted.length).toBeGreaterThan(ROUNDS * 50);

    const server = await startServerProcess({ project: PROJECT, data });
    try {
      const stored = await rows(server.url, "plain");
      expect(compare(sent, stored, await rejected(server.url, "plain"))).toMatchObject(CLEAN);
      // A batch that was refused with 503 left nothing.
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
