import { describe, expect, test } from "vitest";
import type { Store } from "../../../src/store/store.ts";
import { MIB, SECOND } from "../../../src/units.ts";
import { until } from "../../support/until.ts";
import { bound, failureOf, LIMITS, rowsOf } from "../support.ts";
import type { StoreWords } from "../words.ts";

export function describeLimits(store: () => Store, words: StoreWords): void {
  /** They run until they are stopped, as far as a test is concerned. */
  const { computing: ENDLESS, rows: ENDLESS_ROWS } = words.endless;
  const sum = `SELECT sum(number) AS s FROM ${words.series(100_000)}`;
  const query = (text: string, limits: Partial<typeof LIMITS> = {}, signal?: AbortSignal) =>
    store().query({
      sql: bound(text),
      format: "ndjson",
      limits: { ...LIMITS, ...limits },
      ...(signal === undefined ? {} : { signal }),
    });
  const running = async (): Promise<number> => {
    const [row] = await rowsOf(store(), words.running);
    return Number(row?.["n"]);
  };
  const readAll = async (text: string, limits: Partial<typeof LIMITS>): Promise<void> => {
    const { chunks } = await query(text, limits);
    for await (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
  };

  describe("limits", () => {
    test("a query that would run for an hour ends at its time", async () => {
      const start = performance.now();
      expect(await failureOf(query(ENDLESS, { time: 300 }))).toMatchObject({ code: "query_timeout" });
      expect(performance.now() - start).toBeLessThan(3 * SECOND);
    });

    test("one that sends rows for ever ends at its time too", async () => {
      const failure = await failureOf(readAll(ENDLESS_ROWS, { time: 300, rows: 1e12, bytes: 1e12 }));
      expect(failure).toMatchObject({ code: "query_timeout" });
    });

    test("a limit of one query isn't there for the next", async () => {
      await failureOf(query(ENDLESS, { time: 100, memory: 20 * MIB, rows: 1 }));
      await Promise.all(
        Array.from({ length: 6 }, async () =>
          expect(await rowsOf(store(), sum)).toEqual([{ s: 4999950000 }]),
        ),
      );
    });

    // None where the engine has no such limit.
    test.each([words.hungry ?? []].flat())(
      "a query that needs too much memory is stopped: %s",
      async (hungry) => {
        expect(await failureOf(query(hungry, { memory: 100 * MIB }))).toMatchObject({
          code: "query_too_large",
          message: "The query needs more than 100 MiB of memory",
        });
      },
    );

    test("an answer of too many rows or bytes is broken off", async () => {
      expect(await failureOf(readAll(ENDLESS_ROWS, { rows: 1000 }))).toMatchObject({
        code: "query_too_large",
        message: "The answer has more than 1000 rows",
      });
      expect(await failureOf(readAll(ENDLESS_ROWS, { rows: 1e9, bytes: 100_000 }))).toMatchObject({
        code: "query_too_large",
      });
    });

    test("an answer of exactly the limit's rows is whole", async () => {
      const result = await query(`SELECT number FROM ${words.series(1000)}`, { rows: 1000 });
      for await (const chunk of result.chunks) expect(chunk.length).toBeGreaterThan(0);
      expect(result.statistics().rows).toBe(1000);
    });

    test("an aborted query fails at once and stops in the engine", async () => {
      const abort = new AbortController();
      const failure = failureOf(query(ENDLESS, {}, abort.signal));
      await until(async () => (await running()) > 0);
      abort.abort();
      expect(await failure).toMatchObject({ code: "query_cancelled" });
      await until(async () => (await running()) === 0);
    });

    test("a query that is aborted before it begins doesn't run", async () => {
      expect(await failureOf(query(ENDLESS, {}, AbortSignal.abort()))).toMatchObject({
        code: "query_cancelled",
      });
      expect(await running()).toBe(0);
    });

    test("a consumer that stops early stops the engine and frees its place", async () => {
      for (let round = 0; round < 10; round++) {
        const { chunks } = await query(ENDLESS_ROWS, { rows: 1e12, bytes: 1e12 });
        for await (const chunk of chunks) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
        const { chunks: untouched } = await query(ENDLESS_ROWS, { rows: 1e12, bytes: 1e12 });
        await untouched[Symbol.asyncIterator]().return?.();
      }
      await until(async () => (await running()) === 0);
      expect(await rowsOf(store(), "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    });

    test("one that forgets its answer loses it at the time limit", async () => {
      const { chunks } = await query(ENDLESS_ROWS, { time: 200, rows: 1e12, bytes: 1e12 });
      await until(async () => (await running()) === 0);
      const late = async (): Promise<void> => {
        for await (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
      };
      expect(await failureOf(late())).toMatchObject({ code: "query_timeout" });
    });

    test("fifty queries at once are all answered, each with its own", async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          rowsOf(store(), `SELECT {n:Int64} AS n, sum(number) AS s FROM ${words.series(100_000)}`, {
            params: { n: { type: "Int64", value: `${n}` } },
          }),
        ),
      );
      expect(answers).toEqual(Array.from({ length: 50 }, (_, n) => [{ n, s: 4999950000 }]));
    });

    test("a million rows pass a slow consumer without piling up", async () => {
      const { chunks } = await query(
        `SELECT number, repeat('x', 100) AS text FROM ${words.series(1_000_000)}`,
        { rows: 1e7, time: 60 * SECOND },
      );
      let most = 0;
      let bytes = 0;
      const before = process.memoryUsage().rss;
      for await (const chunk of chunks) {
        bytes += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
        most = Math.max(most, process.memoryUsage().rss - before);
      }
      expect(bytes).toBeGreaterThan(100 * MIB);
      expect(most).toBeLessThan(200 * MIB);
    });
  });
}
