import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openSharedLoading } from "../../../src/load/nats/open-shared-loading.ts";
import type { NatsStreamLocks } from "../../../src/load/nats/nats-stream-locks.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { until } from "../../support/until.ts";
import { natsWorld, type NatsWorld } from "./support.ts";

describe.skipIf(natsMissing() !== undefined)("locks of streams over processes", () => {
  let server: NatsServer;
  let world: NatsWorld;
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(() => server.remove());
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
    await world.close();
  });

  async function locks(ends: () => readonly number[] = () => [0]): Promise<NatsStreamLocks> {
    const shared = await openSharedLoading(await world.connect(), {});
    closing.push(
      () => shared.leases.close(),
      () => shared.ledgers.close(),
    );
    await shared.leases.current;
    return shared.locks(ends);
  }

  test("one holds a stream at a time, and the next when it has let go; another stream is another lock", async () => {
    world = natsWorld(server);
    const [one, two] = [await locks(), await locks()];
    const gate = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const holding = one.hold("a", () => {
      began.resolve();
      return gate.promise;
    });
    await began.promise;
    await until(() =>
      two
        .hold("a", async () => false)
        .then(
          () => false,
          (error: { code: string }) => error.code === "stream_busy",
        ),
    );
    expect(await two.hold("b", async () => "done")).toBe("done");
    gate.resolve();
    await holding;
    let held = false;
    await until(() => two.hold("a", async () => (held = true)).catch(() => false));
    expect(held).toBe(true);
  });

  test("what fails lets go as well", async () => {
    world = natsWorld(server);
    const one = await locks();
    await expect(one.hold("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await until(() => one.hold("a", async () => true).catch(() => false));
    expect(await one.hold("b", async () => 1)).toBe(1);
  });

  test("the next to hold has seen what the one before had appended to the log", async () => {
    world = natsWorld(server);
    let seen = 5;
    const one = await locks(() => [9]);
    const two = await locks(() => [seen]);
    await one.hold("a", async () => {});
    let began = false;
    const holding = (async () => {
      await until(() =>
        two
          .hold("a", async () => (began = true))
          .catch((error: { code: string }) => {
            if (error.code === "stream_busy") return false;
            throw error;
          }),
      );
    })();
    const soon = performance.now() + 300;
    await until(() => performance.now() > soon);
    expect(began).toBe(false);
    seen = 9;
    await holding;
    expect(began).toBe(true);
  });
});
