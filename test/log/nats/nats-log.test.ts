import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Log } from "../../../src/log/log.ts";
import type { NatsLogOptions } from "../../../src/log/nats/nats-log.ts";
import { DAY, HOUR } from "../../../src/units.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { until } from "../../support/until.ts";
import { after, batchOf, EVERYTHING, expectBatch, readAll, SCHEMA, START } from "../contract.ts";
import { openOwnLog, ownPrefix, type OwnLog } from "./log-under-test.ts";

/** Of one server, which never lags behind others. Milliseconds. */
const LOSS_PATIENCE = 2_000;
const STREAMS = [{ name: "flights", schema: SCHEMA }];

const now = (batch: ReturnType<typeof batchOf>) => ({ ...batch, acceptedAt: Date.now() });

function pick(logs: readonly OwnLog[], n: number): Log {
  const own = logs[n % logs.length];
  if (own === undefined) throw new Error("there are no logs");
  return own.log;
}

describe.skipIf(natsMissing() !== undefined)("the log on NATS JetStream", () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNatsServer();
  }, 60_000);
  afterAll(() => server.remove());

  /** Opens logs that share a prefix, each with a connection of its own, and closes them in the end. */
  async function using(
    work: (open: (options?: Partial<NatsLogOptions>) => Promise<OwnLog>) => Promise<void>,
    more = "",
    at = server,
  ): Promise<void> {
    const prefix = ownPrefix();
    await using opened = new AsyncDisposableStack();
    await work(async (options) => {
      const own = await openOwnLog(at.url(`prefix=${prefix}&${more}`), {
        streams: STREAMS,
        lossPatience: LOSS_PATIENCE,
        ...options,
      });
      opened.defer(() => own.close());
      return own;
    });
  }

  test("several processes append and read one sequence, and wake each other", async () => {
    await using(async (open) => {
      const [one, other] = [await open(), await open()];
      const waiting = other.log.wait("flights", 0, START, AbortSignal.timeout(8_000));
      await one.log.append("flights", batchOf("first"));
      await waiting;
      const sent = Array.from({ length: 60 }, (_, n) => batchOf(`${n}`, { events: 1 + (n % 3) }));
      await Promise.all(sent.map((batch, n) => (n % 2 === 0 ? one : other).log.append("flights", batch)));
      await until(
        () => one.log.status("flights", 0).end.offset === other.log.status("flights", 0).end.offset,
      );
      const [here, there] = [await readAll(one.log, "flights"), await readAll(other.log, "flights")];
      expect(here).toEqual(there);
      expect(here).toHaveLength(61);
      expect(here.map(({ offset }) => offset)).toEqual(
        here.map((_, index) => here.slice(0, index).reduce((sum, { events }) => sum + events.count, 0)),
      );
    });
  });

  test("a key is written once, whichever process comes first, and all know its answer", async () => {
    await using(async (open) => {
      const logs = [await open(), await open(), await open()];
      const answers = await Promise.all(
        Array.from({ length: 90 }, (_, n) =>
          pick(logs, n).append("flights", now(batchOf(`try ${n}`, { key: `key ${n % 10}` }))),
        ),
      );
      expect(answers.filter((answer) => answer.kind === "appended")).toHaveLength(10);
      const found = await readAll((await open()).log, "flights");
      expect(found).toHaveLength(10);
      for (const { log } of logs) {
        await until(() => log.status("flights", 0).keys === 10);
        expect(await log.recall("flights", "key 3")).toEqual(await logs[0]?.log.recall("flights", "key 3"));
      }
    });
  });

  test("with several partitions every key is still written once, and each partition has offsets of its own", async () => {
    await using(async (open) => {
      const [one, other] = [await open(), await open()];
      expect(one.log.capabilities.partitions).toBe(4);
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          (n % 2 === 0 ? one : other).log.append(
            "flights",
            now(batchOf(`${n}`, n % 4 === 0 ? {} : { key: `key ${n % 50}` })),
          ),
        ),
      );
      const appended = answers.filter((answer) => answer.kind === "appended");
      const places = appended.map(({ partition, position }) => `${partition}:${position.offset}`);
      expect(new Set(places).size).toBe(appended.length);
      const fresh = (await open()).log;
      const found = (
        await Promise.all(
          [0, 1, 2, 3].map((partition) => fresh.read("flights", partition, START, EVERYTHING)),
        )
      ).flat();
      expect(found.map(({ partition, offset }) => `${partition}:${offset}`).toSorted()).toEqual(
        places.toSorted(),
      );
      expect(new Set(appended.map(({ partition }) => partition)).size).toBeGreaterThan(1);
      expect(fresh.status("flights", 1).bytes).toBeGreaterThan(0);
      await expect(
        openOwnLog(`${server.url()}prefix=${one.nats.prefix}&partitions=2`, { streams: STREAMS }),
      ).rejects.toMatchObject({ code: "config_invalid" });
    }, "partitions=4");
  });

  test("the events of a stream with an id are all in one partition", async () => {
    await using(async (open) => {
      const { log } = await open({ streams: [{ ...STREAMS[0], id: "n" } as (typeof STREAMS)[0]] });
      for (let n = 0; n < 10; n += 1) {
        expect(await log.append("flights", now(batchOf(`${n}`, { key: `${n}` })))).toMatchObject({
          partition: 0,
        });
      }
      expect(await log.read("flights", 1, START, EVERYTHING)).toEqual([]);
    }, "partitions=4");
  });

  test("batches of many messages that several processes write at once are each whole", async () => {
    await using(async (open) => {
      const logs = [await open(), await open()];
      const sent = Array.from({ length: 6 }, (_, n) =>
        n < 4 ? batchOf(`large ${n}`, { events: 2, pad: 700_000, key: `large ${n}` }) : batchOf(`small ${n}`),
      );
      await Promise.all(sent.map((batch, n) => pick(logs, n).append("flights", now(batch))));
      const fresh = (await open()).log;
      const found = await readAll(fresh, "flights");
      expect(found).toHaveLength(6);
      for (const batch of sent) {
        const content = Buffer.concat(batch.events.bytes).toString();
        expect(found.filter(({ events }) => events.bytes.toString() === content)).toHaveLength(1);
      }
      expect(await fresh.recall("flights", "large 2")).toMatchObject({ bodyHash: "hash of large 2" });
      expect(await fresh.append("flights", now(batchOf("again", { key: "large 3" })))).toMatchObject({
        kind: "duplicate",
        first: { bodyHash: "hash of large 3" },
      });
    });
  });

  test("more keys than headers hold are known to other processes and after a start", async () => {
    await using(async (open) => {
      const [one, other] = [await open(), await open()];
      const eventKeys = Array.from({ length: 3_000 }, (_, n) => `a rather long key with the number ${n}`);
      await one.log.append("flights", now(batchOf("many", { events: 3_000, eventKeys })));
      for (const { log } of [other, await open()]) {
        const again = now(batchOf("again", { events: 2, eventKeys: ["new", eventKeys[2_999] ?? ""] }));
        await until(() => log.status("flights", 0).end.offset === 3_000);
        expect(await log.append("flights", again)).toMatchObject({ kind: "duplicate" });
        expect(log.status("flights", 0).keys).toBe(3_000);
      }
    });
  });

  test("reads from anywhere in a long log, with messages that are none of its own between", async () => {
    await using(async (open) => {
      const { log, nats } = await open();
      for (let n = 0; n < 300; n += 1) {
        await log.append("flights", batchOf(`${n}`, { events: 2 }));
        if (n % 50 === 0) await nats.jetstream.publish(`${nats.prefix}.log.flights.0`, "not ours");
      }
      const fresh = (await open()).log;
      for (const offset of [0, 1, 77, 299, 300, 598, 599]) {
        const position = { log: fresh.status("flights", 0).end.log, offset };
        const [batch] = await fresh.read("flights", 0, position, { bytes: 1, events: 1 });
        expectBatch(batch, batchOf(`${Math.floor(offset / 2)}`, { events: 2 }));
      }
      expect(await readAll(fresh, "flights")).toHaveLength(300);
    });
  }, 20_000);

  test("retention removes what is old or too much and read by all, and positions in it are gone", async () => {
    await using(async (open) => {
      let clock = Date.now();
      const options = { clock: () => clock, retention: { age: DAY, bytes: 1e9 }, keys: { window: HOUR } };
      const dropped: number[] = [];
      const { log, nats } = await open({
        ...options,
        observer: { dropped: (_, { segments }) => dropped.push(segments) },
      });
      for (let n = 0; n < 200; n += 1) await log.append("flights", now(batchOf(`${n}`, { key: `${n}` })));
      const { end } = log.status("flights", 0);
      clock += 2 * DAY;
      const { StreamLog } = await import("../../../src/log/nats/stream-log.ts");
      const { Remembered } = await import("../../../src/log/nats/remembered.ts");
      const stream = await StreamLog.open(STREAMS[0] ?? { name: "", schema: SCHEMA }, {
        nats,
        remembered: await Remembered.open(nats),
        retention: options.retention,
        keys: { window: HOUR, count: 100 },
        queueBytes: 1e6,
        lossPatience: LOSS_PATIENCE,
        observer: { dropped: (_, { segments }) => dropped.push(segments) },
        clock: () => clock,
      });
      const at = (offset: number) => ({ log: end.log, offset });
      await stream.tidy();
      await stream.at(0)?.commit("loader", at(190));
      await stream.at(0)?.commit("tail", at(150));
      await stream.tidy();
      // What the slowest has still to read stays, and a little before it.
      const first = stream.at(0)?.status().first.offset ?? 0;
      expect(first).toBeGreaterThan(50);
      expect(first).toBeLessThanOrEqual(150);
      expect(dropped.reduce((sum, count) => sum + count, 0)).toBe(first);
      expect(await stream.at(0)?.read(at(first), EVERYTHING)).toHaveLength(200 - first);
      await expect(stream.at(0)?.read(at(2), EVERYTHING)).rejects.toMatchObject({ code: "offset_gone" });
      await stream.close();
      // Another process meets it too, also one that had looked before.
      await expect(log.read("flights", 0, at(2), EVERYTHING)).rejects.toMatchObject({ code: "offset_gone" });
      const fresh = (await open()).log;
      expect(fresh.status("flights", 0).first.offset).toBe(first);
      expect(await readAll(fresh, "flights", await fresh.cursor("flights", 0, "tail"))).toHaveLength(50);
      expect(await fresh.append("flights", batchOf("next"))).toMatchObject({ position: { offset: 200 } });
    });
  });

  test("what a server lost that was restored from an older copy is noticed, and a new log id begins", async () => {
    await using opened = new AsyncDisposableStack();
    const own = await startNatsServer();
    opened.defer(() => own.remove());
    const lost: string[] = [];
    await using(
      async (open) => {
        const { log } = await open({ observer: { tailLost: (stream) => lost.push(stream) } });
        for (let n = 0; n < 5; n += 1) await log.append("flights", now(batchOf(`${n}`, { key: `${n}` })));
        const data = join(own.folder, "data");
        await own.stop();
        await cp(data, `${data}.saved`, { recursive: true });
        await own.start();
        await own.ready();
        for (let n = 5; n < 9; n += 1) await log.append("flights", now(batchOf(`${n}`, { key: `${n}` })));
        const before = log.status("flights", 0).end;
        await own.stop();
        await rm(data, { recursive: true });
        await cp(`${data}.saved`, data, { recursive: true });
        await own.start();
        await own.ready();
        await until(() => log.status("flights", 0).end.log !== before.log, { timeout: 30_000 });
        expect(lost).toEqual(["flights"]);
        expect(log.status("flights", 0).end.offset).toBe(5);
        // A reader that was further goes on where the new log begins; what was lost may be sent again.
        expect(await log.read("flights", 0, before, EVERYTHING)).toEqual([]);
        expect(await log.append("flights", now(batchOf("again", { key: "7" })))).toMatchObject({
          kind: "appended",
        });
        expect(await log.append("flights", now(batchOf("again", { key: "3" })))).toMatchObject({
          kind: "duplicate",
        });
        const found = await readAll((await open()).log, "flights");
        expect(found.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
        expect(new Set(found.map((batch) => batch.log)).size).toBe(2);
      },
      "",
      own,
    );
  }, 45_000);

  test("a start that finds a subscription beyond the end begins a new log id", async () => {
    await using(async (open) => {
      const own = await open();
      const { log, nats } = own;
      for (let n = 0; n < 5; n += 1) await log.append("flights", batchOf(`${n}`));
      const { end } = log.status("flights", 0);
      await log.commit("flights", 0, "loader", end);
      await own.close();
      const again = await open({ streams: [] });
      const { Remembered } = await import("../../../src/log/nats/remembered.ts");
      const remembered = await Remembered.open(again.nats);
      await remembered.setCursor("flights", 0, "loader", { log: end.log, offset: 50 });
      const next = (await open()).log;
      const begun = next.status("flights", 0).end;
      expect(begun.offset).toBe(5);
      expect(begun.log).not.toBe(end.log);
      expect(await next.cursor("flights", 0, "loader")).toEqual({ log: begun.log, offset: 5 });
      expect(nats.prefix).toBe(again.nats.prefix);
    });
  });

  test("a stream that was deleted is made anew with another log id", async () => {
    await using(async (open) => {
      const { log, nats } = await open();
      await log.append("flights", batchOf("a"));
      const before = log.status("flights", 0).end;
      await nats.manager.streams.delete(`${nats.prefix}-log-flights`);
      const [outcome] = await Promise.allSettled([log.append("flights", batchOf("b"))]);
      // Whether it was stored isn't known then: it is as if the process had ended.
      expect(outcome).toMatchObject({ status: "rejected" });
      await log.append("flights", batchOf("c"));
      const { end } = log.status("flights", 0);
      expect(end.log).not.toBe(before.log);
      await expect(log.read("flights", 0, before, EVERYTHING)).rejects.toMatchObject({ code: "offset_gone" });
      expectBatch((await readAll(log, "flights")).at(-1), batchOf("c"));
    });
  }, 45_000);

  test("a server that is gone makes the log unwritable and refuses, and one that is back takes again", async () => {
    await using opened = new AsyncDisposableStack();
    const own = await startNatsServer();
    opened.defer(() => own.remove());
    await using(
      async (open) => {
        const { log } = await open();
        await log.append("flights", batchOf("a"));
        await own.kill();
        await until(() => !log.status("flights", 0).writable);
        await expect(log.append("flights", batchOf("b"))).rejects.toMatchObject({ code: "log_unreachable" });
        expect(log.status("flights", 0).reason).toContain("don't answer");
        await own.start();
        await until(() => log.status("flights", 0).writable);
        await log.append("flights", batchOf("c"));
        expect((await readAll(log, "flights")).map(({ offset }) => offset)).toEqual([0, 1]);
      },
      "",
      own,
    );
  }, 30_000);

  test("a log that is closed while the server is frozen leaves open what became of a batch, and ends", async () => {
    await using opened = new AsyncDisposableStack();
    const own = await startNatsServer();
    opened.defer(() => own.remove());
    await using(
      async (open) => {
        const { log } = await open();
        await log.append("flights", batchOf("a"));
        own.pause();
        const appending = log.append("flights", batchOf("b"));
        const [outcome] = await Promise.allSettled([appending, log.close()]);
        own.resume();
        expect(outcome).toMatchObject({ status: "rejected", reason: { code: "log_unreachable" } });
        // Whole or not at all.
        const found = await readAll((await open()).log, "flights");
        expect([1, 2]).toContain(found.length);
      },
      "",
      own,
    );
  }, 60_000);

  test("a full server refuses as a full disk does, and nothing of that is there", async () => {
    await using opened = new AsyncDisposableStack();
    const own = await startNatsServer({ maxFile: "3MB" });
    opened.defer(() => own.remove());
    await using(
      async (open) => {
        const { log } = await open();
        const full = async (): Promise<unknown> => {
          for (let n = 0; ; n += 1) {
            try {
              await log.append("flights", batchOf(`${n}`, { pad: 200_000 }));
            } catch (error) {
              return error;
            }
          }
        };
        expect(await full()).toMatchObject({ code: "log_full" });
        const { end } = log.status("flights", 0);
        expect(await readAll(log, "flights")).toHaveLength(end.offset);
      },
      "",
      own,
    );
  }, 30_000);

  test("settings that can't be met are refused", async () => {
    const url = server.url(`prefix=${ownPrefix()}&replicas=3`);
    await expect(openOwnLog(url, { streams: STREAMS })).rejects.toMatchObject({ code: "log_failed" });
    await using opened = new AsyncDisposableStack();
    const small = await startNatsServer({ config: "max_payload: 64KB" });
    opened.defer(() => small.remove());
    await expect(openOwnLog(small.url(), { streams: STREAMS })).rejects.toMatchObject({
      code: "config_invalid",
    });
  }, 30_000);

  test("subscriptions have names of a sensible length, and unknown partitions are told", async () => {
    await using(async (open) => {
      const { log } = await open();
      await expect(log.commit("flights", 0, "", START)).rejects.toMatchObject({ code: "bad_request" });
      await expect(log.commit("flights", 0, "x".repeat(300), START)).rejects.toMatchObject({
        code: "bad_request",
      });
      await expect(log.read("flights", 3, START, EVERYTHING)).rejects.toMatchObject({
        code: "internal_error",
      });
      expect(() => log.status("nothing", 0)).toThrow(expect.objectContaining({ code: "unknown_stream" }));
      await expect(log.read("flights", 0, { log: "x", offset: 0 }, EVERYTHING)).rejects.toMatchObject({
        code: "offset_gone",
      });
      expect(after(undefined)).toEqual(START);
    });
  });
});
