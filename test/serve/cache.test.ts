import { describe, expect, it } from "vitest";
import { HeadraceError } from "../../src/errors.ts";
import { Answer } from "../../src/serve/answer.ts";
import { AnswerCache } from "../../src/serve/cache/answer-cache.ts";
import { RecentMap } from "../../src/serve/cache/recent-map.ts";
import { SharedRuns } from "../../src/serve/cache/shared-runs.ts";

const answer = (bytes: number) => new Answer("json", Buffer.alloc(bytes, "a"), 'W/"x"');

describe("the cache of answers", () => {
  it("gives an answer only under the versions that it was made under, and forgets it under others", () => {
    const cache = new AnswerCache();
    const one = answer(10);
    cache.put("key", "1", one);
    expect(cache.get("key", "1")).toBe(one);
    expect(cache.get("key", "2")).toBeUndefined();
    expect(cache.get("key", "1")).toBeUndefined();
    expect(cache.bytes).toBe(0);
  });

  it("never holds more bytes than its bound, and drops what was used longest ago", () => {
    const cache = new AnswerCache(10_000);
    for (const key of ["a", "b", "c"]) cache.put(key, "1", answer(2_500));
    expect(cache.get("a", "1")).toBeDefined();
    cache.put("d", "1", answer(2_500));
    expect(cache.bytes).toBeLessThanOrEqual(10_000);
    expect(cache.get("b", "1")).toBeUndefined();
    expect(cache.get("a", "1")).toBeDefined();
    expect(cache.get("d", "1")).toBeDefined();
  });

  it("keeps nothing larger than itself, and nothing at all with no room", () => {
    const cache = new AnswerCache(1_000);
    cache.put("key", "1", answer(1_000));
    expect(cache.get("key", "1")).toBeUndefined();
    const none = new AnswerCache(0);
    none.put("key", "1", answer(1));
    expect(none.get("key", "1")).toBeUndefined();
    expect(none.bytes).toBe(0);
  });

  it("counts an answer once that is put again", () => {
    const cache = new AnswerCache();
    cache.put("key", "1", answer(10));
    const before = cache.bytes;
    cache.put("key", "2", answer(10));
    expect(cache.bytes).toBe(before);
  });

  it("counts the compressed forms of an answer that are made later", async () => {
    const cache = new AnswerCache();
    const one = answer(4_000);
    cache.put("key", "1", one);
    const before = cache.bytes;
    const gzipped = await one.compress("gzip");
    expect(cache.bytes).toBe(before + gzipped.length);
    expect(cache.get("key", "1")?.compressed("gzip")).toBe(gzipped);
  });
});

describe("a map of what was used lately", () => {
  it("keeps no more than its limit", () => {
    const map = new RecentMap<number>(2);
    map.set("a", 1);
    map.set("b", 2);
    expect(map.get("a")).toBe(1);
    map.set("c", 3);
    expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([1, undefined, 3]);
  });
});

const fail = () => Promise.reject(new Error("broken"));

describe("shared runs", () => {
  it("run once for all who ask while it lasts, and again afterwards", async () => {
    const runs = new SharedRuns<number>();
    const gate = Promise.withResolvers<void>();
    let started = 0;
    const start = async () => {
      started++;
      await gate.promise;
      return started;
    };
    const { signal } = new AbortController();
    const first = runs.join("a", signal, start);
    const second = runs.join("a", signal, start);
    const other = runs.join("b", signal, start);
    gate.resolve();
    expect((await first).joined).toBe(false);
    expect((await second).joined).toBe(true);
    expect((await other).joined).toBe(false);
    expect(started).toBe(2);
    await runs.join("a", signal, start);
    expect(started).toBe(3);
  });

  it("give a failure to all who wait, and are begun anew by the next", async () => {
    const runs = new SharedRuns<number>();
    const { signal } = new AbortController();
    const both = await Promise.allSettled([runs.join("a", signal, fail), runs.join("a", signal, fail)]);
    expect(both.map((one) => one.status)).toEqual(["rejected", "rejected"]);
    expect((await runs.join("a", signal, async () => 7)).result).toBe(7);
  });

  it("go on when one caller leaves, and are aborted when the last one does", async () => {
    const runs = new SharedRuns<number>();
    const first = new AbortController();
    const second = new AbortController();
    const seen: AbortSignal[] = [];
    const start = (signal: AbortSignal) => {
      seen.push(signal);
      return new Promise<number>((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
    };
    const one = runs.join("a", first.signal, start);
    const two = runs.join("a", second.signal, start);
    first.abort();
    await expect(one).rejects.toMatchObject({ code: "query_cancelled" });
    expect(seen[0]?.aborted).toBe(false);
    second.abort();
    await expect(two).rejects.toBeInstanceOf(HeadraceError);
    expect(seen[0]?.aborted).toBe(true);
    // Whoever comes now must not be given the run that is being stopped.
    expect((await runs.join("a", new AbortController().signal, async () => 7)).joined).toBe(false);
  });

  it("aren't begun for a caller who is gone already", async () => {
    const runs = new SharedRuns<number>();
    await expect(runs.join("a", AbortSignal.abort(), async () => 1)).rejects.toMatchObject({
      code: "query_cancelled",
    });
  });
});
