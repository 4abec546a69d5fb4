import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Loader } from "../../../src/load/load.ts";
import { openSharedLoading } from "../../../src/load/nats/open-shared-loading.ts";
import { createSharedLoader } from "../../../src/load/remote/shared-loader.ts";
import type { Log } from "../../../src/log/log.ts";
import { openNatsLog } from "../../../src/log/nats/nats-log.ts";
import { openNats, type Nats } from "../../../src/nats/open-nats.ts";
import { parseNatsUrl } from "../../../src/nats/nats-url.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { seededRandom } from "../../support/random.ts";
import { openTestStore, type TestStore } from "../../support/test-store.ts";
import { until } from "../../support/until.ts";
import { append, plain, select, unique } from "../support.ts";

const STREAMS = [plain, unique];
const PARTITIONS = 3;
const ROUNDS = 8;

/** A process: its connection, its view of the log, and its loader. */
interface Process {
  readonly nats: Nats;
  readonly log: Log;
  readonly loader: Loader;
}

describe.skipIf(natsMissing() !== undefined)("processes that come and go", () => {
  let server: NatsServer;
  let shared: TestStore;
  let running: Process[] = [];
  beforeAll(async () => {
    server = await startNatsServer();
    shared = await openTestStore(STREAMS);
  });
  afterAll(async () => {
    await server.remove();
    await shared.destroy();
  });
  beforeEach(async () => {
    for (const { name } of STREAMS) await shared.store.erase(name, {}, { dryRun: false });
  });
  afterEach(async () => {
    await Promise.all(running.map(stop));
    running = [];
  });

  async function start(prefix: string, loads: boolean): Promise<Process> {
    const url = server.url(`prefix=${prefix}&partitions=${PARTITIONS}`);
    const nats = await openNats(parseNatsUrl(url), "tests");
    const log = await openNatsLog({ nats, streams: STREAMS });
    const { store } = shared;
    const loader = createSharedLoader({
      ...(await openSharedLoading(nats, { ttl: 3_000, storeClock: () => store.clock() })),
      log,
      streams: STREAMS,
      ...(loads ? { loads: { store, limits: { retryFirst: 5, retryMax: 50 } } } : {}),
    });
    const one = { nats, log, loader };
    running.push(one);
    await loader.examine();
    await loader.start();
    return one;
  }

  async function stop({ nats, log, loader }: Process): Promise<void> {
    await loader.stop();
    await log.close();
    await nats.close();
  }
  const numbersOf = async (stream: string): Promise<number[]> =>
    (await select(shared.store, `SELECT n FROM "${stream}" ORDER BY n`)).map(({ n }) => Number(n));

  test("share the partitions of a log, and hand them on under load, and every event is there once", async () => {
    const random = seededRandom(7);
    const first = await start("churn", false);
    const second = await start("churn", false);
    let sent = 0;
    const over = new AbortController();
    const write = async (log: Log): Promise<void> => {
      while (!over.signal.aborted) {
        const events = Array.from({ length: 1 + random.below(20) }, () => ({ n: sent++ }));
        await append(log, "plain", events);
        const [{ n } = { n: 0 }] = events;
        // Twice, which counts once.
        for (const times of [1, 2]) await append(log, "unique", [{ id: `i${n}`, n: n * times }]);
      }
    };
    const writing = [write(first.log), write(second.log)];
    const loaders: Process[] = [await start("churn", true)];
    for (let round = 0; round < ROUNDS; round++) {
      if (loaders.length < 2 || random.chance(0.4)) loaders.push(await start("churn", true));
      else {
        const [leaves] = loaders.splice(random.below(loaders.length), 1);
        if (leaves === undefined) continue;
        running = running.filter((one) => one !== leaves);
        await stop(leaves);
      }
    }
    over.abort();
    await Promise.all(writing);
    // What a process knows of the log comes a moment after another has appended to it.
    const settled = async (stream: string): Promise<boolean> => first.loader.settled(stream, 1_000);
    await until(async () => (await numbersOf("plain")).length >= sent, { timeout: 20_000 });
    expect(await settled("plain")).toBe(true);
    expect(await settled("unique")).toBe(true);
    expect(await numbersOf("plain")).toEqual(Array.from({ length: sent }, (_, n) => n));
    const ids = await select(
      shared.store,
      `SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM "unique"`,
    );
    expect(ids[0]?.["rows"]).toBe(ids[0]?.["ids"]);
    expect(first.loader.status("plain")).toMatchObject({ lagEvents: 0, state: "running" });
  }, 60_000);
});
