import { setImmediate as setImmediatePromise } from "node:timers/promises";
import { zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkSlices } from "../../src/ingest/work-slices.ts";
import { MIB } from "../../src/units.ts";
import { held, HELD_MAX, HELD_TEST_TIMEOUT, longestTurn } from "../support/event-loop.ts";
import { startIngest, type IngestUnderTest } from "./ingest-server.ts";

let ingest: IngestUnderTest;
beforeEach(async () => {
  ingest = await startIngest({ limits: { inFlightBytesMax: 1024 * MIB } });
});
afterEach(async () => {
  await ingest.stop();
});

vi.setConfig({ testTimeout: HELD_TEST_TIMEOUT });

const headers = (key: number) => ({ "content-encoding": "zstd", "idempotency-key": `${key}` });

test("64 MiB of good lines, hashed for their key, don't hold the event loop over 50 ms", async () => {
  const line = `{"n":1,"note":"${"x".repeat(120)}"}\n`;
  const body = zstdCompressSync(line.repeat(Math.floor((64 * MIB) / line.length)));
  let key = 0;
  const longest = await held(async () => {
    const answer = await ingest.post(body, { headers: headers(key++) });
    expect(answer.body).toMatchObject({ rejected: 0 });
  });
  expect(longest).toBeLessThan(HELD_MAX);
});

test("nor does an array of 200,000 events of which each needs the slow path", async () => {
  const body = zstdCompressSync(`[${Array.from({ length: 200_000 }, (_, n) => `{"n":${n}}`).join(",\n")}]`);
  const longest = await held(async () => {
    const answer = await ingest.post(body, {
      stream: "defaults",
      type: "application/json",
      headers: { "content-encoding": "zstd" },
    });
    expect(answer.body).toMatchObject({ accepted: 200_000 });
  });
  expect(longest).toBeLessThan(HELD_MAX);
});

test("nor do 100,000 bad events", async () => {
  const body = `{"n":"bad"}\n`.repeat(100_000);
  const longest = await held(async () => {
    expect((await ingest.post(body)).body).toMatchObject({ rejected: 100_000 });
  });
  expect(longest).toBeLessThan(HELD_MAX);
});

test("nor do six large requests at once", async () => {
  const line = `{"n":1,"note":"${"x".repeat(120)}"}\n`;
  const body = zstdCompressSync(line.repeat(Math.floor((8 * MIB) / line.length)));
  let key = 100;
  const longest = await held(async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => ingest.post(body, { headers: headers(key++) })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 202));
  });
  expect(longest).toBeLessThan(HELD_MAX);
});

test("work that holds the event loop is seen to", async () => {
  const longest = await longestTurn(async () => {
    const until = performance.now() + 200;
    while (performance.now() < until);
  });
  expect(longest).toBeGreaterThan(HELD_MAX);
});

test("slices of several pieces of work take turns, one a turn of the loop", async () => {
  const slices = new WorkSlices();
  const order: string[] = [];
  const work = async (name: string): Promise<void> => {
    const slice = slices.begin();
    for (let i = 0; i < 3; i++) {
      await slice.pause();
      order.push(name);
    }
  };
  const ticks = (async () => {
    for (let i = 0; i < 6; i++) {
      await setImmediatePromise();
      order.push("|");
    }
  })();
  await Promise.all([work("a"), work("b"), ticks]);
  expect(order.filter((name) => name !== "|")).toEqual(["a", "b", "a", "b", "a", "b"]);
  expect(order.join("")).not.toMatch(/[ab]{2}/);
});
