import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedLogOptions } from "../../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../../src/log/log.ts";
import { DAY, HOUR, KIB } from "../../../src/units.ts";
import { until } from "../../support/until.ts";
import { after, batchOf, EVERYTHING, readAll, START } from "../contract.ts";
import { LogFolder, NOW, tagsOf } from "./folder.ts";

describe("retention of the embedded log", () => {
  let folder: LogFolder;
  let now: number;

  beforeEach(async () => {
    folder = await LogFolder.create();
    now = NOW;
  });
  afterEach(() => folder.destroy());

  const options = (more: Partial<EmbeddedLogOptions>): Partial<EmbeddedLogOptions> => ({
    segmentBytes: 4 * KIB,
    clock: () => now,
    ...more,
  });
  /** Appends batches of about 1 KiB, an hour apart. */
  const fill = async (
    log: Log,
    count: number,
    key = (_n: number): string | undefined => undefined,
  ): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      now += HOUR;
      const name = key(n);
      await log.append(
        "s",
        batchOf(`${n}`, { pad: 450, acceptedAt: now, ...(name === undefined ? {} : { key: name }) }),
      );
    }
  };
  const allFilesAre = async (log: Log): Promise<void> => {
    expect(await folder.names(".log")).toHaveLength(log.status("s", 0).segments);
  };

  it("drops whole segments that are older than the age, once the loader has what is in them", async () => {
    const drops: unknown[] = [];
    const observer = { dropped: (_stream: string, dropped: unknown) => drops.push(dropped) };
    await folder.with(
      async (log) => {
        await fill(log, 30);
        const { end, segments } = log.status("s", 0);
        expect(segments).toBeGreaterThan(8);
        expect(log.status("s", 0).first.offset).toBe(0);
        await log.commit("s", 0, "loader", end);
        await until(() => log.status("s", 0).first.offset >= 18);
        const kept = await readAll(log, "s", log.status("s", 0).first);
        // There are two batches in a segment, since one is closed after an eighth of the age.
        expect(tagsOf(kept)).toEqual(Array.from({ length: 12 }, (_, n) => `${n + 18}`));
        await until(async () => (await folder.names(".log")).length === log.status("s", 0).segments);
        await until(() => drops.length > 0);
        await expect(log.read("s", 0, { log: end.log, offset: 0 }, EVERYTHING)).rejects.toMatchObject({
          code: "offset_gone",
        });
        await expect(log.commit("s", 0, "late", { log: end.log, offset: 0 })).rejects.toMatchObject({
          code: "offset_gone",
        });
        expect(tagsOf(await readAll(log, "s", START))).toEqual(tagsOf(kept));
        expect(await log.cursor("s", 0, "new")).toEqual(log.status("s", 0).first);
      },
      options({ retention: { age: 12 * HOUR }, observer }),
    );
    await folder.with(
      async (log) => {
        expect((await readAll(log, "s")).length).toBeGreaterThanOrEqual(12);
        await allFilesAre(log);
      },
      options({ retention: { age: 12 * HOUR } }),
    );
  });

  it("drops the oldest segments above the size", async () => {
    await folder.with(
      async (log) => {
        await fill(log, 40);
        await log.commit("s", 0, "loader", log.status("s", 0).end);
        await until(() => log.status("s", 0).bytes <= 12 * KIB);
        expect(log.status("s", 0).segments).toBeGreaterThanOrEqual(2);
        await fill(log, 20);
        expect(log.status("s", 0).bytes, "the loader hasn't these yet").toBeGreaterThan(12 * KIB);
      },
      options({ retention: { bytes: 12 * KIB } }),
    );
  });

  it("never drops what a subscription needs that lags or was set back", async () => {
    await folder.with(
      async (log) => {
        await fill(log, 20);
        const middle = after((await readAll(log, "s"))[9]);
        await log.commit("s", 0, "slow", middle);
        now += 100 * DAY;
        await log.commit("s", 0, "loader", log.status("s", 0).end);
        await until(() => log.status("s", 0).first.offset > 5);
        const kept = await log.read("s", 0, await log.cursor("s", 0, "slow"), EVERYTHING);
        expect(tagsOf(kept)).toEqual(Array.from({ length: 10 }, (_, n) => `${n + 10}`));
        await log.commit("s", 0, "loader", middle);
        await log.commit("s", 0, "slow", log.status("s", 0).end);
        expect(tagsOf(await log.read("s", 0, middle, EVERYTHING))).toEqual(tagsOf(kept));
      },
      options({ retention: { age: HOUR } }),
    );
    await folder.with(
      async (log) => {
        expect(await log.read("s", 0, await log.cursor("s", 0, "loader"), EVERYTHING)).toHaveLength(10);
      },
      options({ retention: { age: HOUR } }),
    );
  });

  it("closes a segment that has grown old, so that it can be dropped although little comes", async () => {
    await folder.with(
      async (log) => {
        await log.append("s", batchOf("old", { acceptedAt: now }));
        await log.commit("s", 0, "loader", log.status("s", 0).end);
        now += 2 * HOUR;
        await log.append("s", batchOf("new", { acceptedAt: now }));
        expect(log.status("s", 0).segments).toBe(2);
        now += 7 * HOUR;
        await log.commit("s", 0, "loader", log.status("s", 0).end);
        await until(() => log.status("s", 0).first.offset === 1);
        expect(tagsOf(await readAll(log, "s"))).toEqual(["new"]);
      },
      options({ retention: { age: 8 * HOUR }, segmentBytes: 64 * KIB }),
    );
    // And when nothing comes at all: a start looks too.
    now += 2 * HOUR;
    await folder.with(
      async (log) => {
        await until(() => log.status("s", 0).first.offset === 2);
        expect(await readAll(log, "s")).toEqual([]);
        expect(log.status("s", 0).segments).toBe(1);
      },
      options({ retention: { age: 8 * HOUR }, segmentBytes: 64 * KIB }),
    );
  });

  it("gives a reader all of what it is reading while the segments are dropped", async () => {
    await folder.with(
      async (log) => {
        await fill(log, 40);
        const { end, first } = log.status("s", 0);
        const reading = log.read("s", 0, first, EVERYTHING);
        await log.commit("s", 0, "loader", end);
        const outcome = await reading.then(
          (batches) => batches.length,
          (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
        );
        expect([40, "offset_gone"]).toContain(outcome);
        await until(() => log.status("s", 0).segments === 1);
      },
      options({ retention: { age: HOUR / 1000 } }),
    );
  });

  describe("of idempotency keys", () => {
    it("forgets keys that are older than the window", async () => {
      const window = 10 * HOUR;
      await folder.with(
        async (log) => {
          await fill(log, 15, (n) => `key ${n}`);
          expect(log.status("s", 0)).toMatchObject({ keys: 10, keyWindow: window });
          expect(await log.recall("s", "key 4")).toBeUndefined();
          expect(await log.recall("s", "key 5")).toBeDefined();
          expect(await log.append("s", batchOf("again", { key: "key 0", acceptedAt: now }))).toMatchObject({
            kind: "appended",
          });
        },
        options({ keys: { window } }),
      );
      await folder.with(
        async (log) => {
          expect(log.status("s", 0).keys).toBe(11);
          expect(await log.recall("s", "key 0")).toMatchObject({ bodyHash: "hash of again" });
        },
        options({ keys: { window } }),
      );
    });

    it("remembers no more than the count, the newest", async () => {
      await folder.with(
        async (log) => {
          await fill(log, 15, (n) => `key ${n}`);
          expect(log.status("s", 0)).toMatchObject({ keys: 5, keyWindow: 5 * HOUR });
          expect(await log.recall("s", "key 9")).toBeUndefined();
          expect(await log.recall("s", "key 10")).toBeDefined();
        },
        options({ keys: { count: 5 } }),
      );
      await folder.with(
        async (log) => {
          expect(log.status("s", 0).keys).toBe(5);
          expect(await log.recall("s", "key 10")).toBeDefined();
        },
        options({ keys: { count: 5 } }),
      );
    });

    it("remembers a key after its segment was dropped, over a restart, and no longer than the window", async () => {
      const retention = { age: HOUR };
      await folder.with(async (log) => {
        await fill(log, 20, (n) => `key ${n}`);
        await log.commit("s", 0, "loader", log.status("s", 0).end);
        await until(() => log.status("s", 0).first.offset > 10);
        expect(await log.recall("s", "key 0")).toMatchObject({ bodyHash: "hash of 0" });
      }, options({ retention }));
      await folder.with(async (log) => {
        expect(log.status("s", 0).keys).toBe(20);
        for (let n = 0; n < 20; n += 1) {
          const again = await log.append("s", batchOf("again", { key: `key ${n}`, acceptedAt: now }));
          expect(again).toMatchObject({ kind: "duplicate", first: { bodyHash: `hash of ${n}` } });
        }
        now += DAY;
        await log.commit("s", 0, "loader", log.status("s", 0).end);
        await until(async () => (await folder.names(".side")).length === 0);
        expect(log.status("s", 0).keys).toBe(0);
      }, options({ retention }));
    });
  });
});
