import { monitorEventLoopDelay } from "node:perf_hooks";
import { zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WorkSlices } from "../../src/ingest/work-slices.ts";
import { MIB } from "../../src/units.ts";
import { startIngest, type IngestUnderTest } from "./ingest-server.ts";

/** What no request may hold the event loop for. Milliseconds. */
const HELD_MAX = 50;
/** Other processes on the machine hold up this one too, so the best of a few tries counts. */
const TRIES = 5;

let ingest: IngestUnderTest;
let delay: ReturnType<typeof monitorEventLoopDelay>;
beforeEach(async () => {
  ingest = await startIngest({ limits: { inFlightBytesMax: 1024 * MIB } });
  delay = monitorEventLoopDelay({ resolution: 1 });
});
afterEach(async () => {
  await ingest.stop();
});

/** The longest that the event loop was held, in the best of a few tries. */
async function held(work: () => Promise<void>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && best >= HELD_MAX; i++) {
    delay.reset();
    delay.enable();
    await work();
    delay.disable();
    best = Math.min(best, delay.max / 1e6);
  }
  return best;
}

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
      await new Promise((resolve) => setImmediate(resolve));
      order.push("|");
    }
  })();
  await Promise.all([work("a"), work("b"), ticks]);
  expect(order.filter((name) => name !== "|")).toEqual(["a", "b", "a", "b", "a", "b"]);
  expect(order.join("")).not.toMatch(/[ab]{2}/);
});
