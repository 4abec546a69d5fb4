import { describe, expect, test } from "vitest";
import type { ColumnType } from "../../../src/project/column.ts";
import type { Store } from "../../../src/store/store.ts";
import { batchOf, column, create, failureOf, rowsOf, tableOf } from "../support.ts";
import type { StoreWords } from "../words.ts";

const COLUMNS = [
  column("n", { kind: "int", bits: 32, signed: true }),
  column("date", { kind: "datetime", precision: 3 }),
];
const row = (n: number, date = "2024-01-01T00:00:00.000Z"): object => ({ n, date });
const totals = (table: string, wrong: string): string =>
  `SELECT count(*) AS total, sum(CASE WHEN ${wrong} THEN 1 ELSE 0 END) AS wrong FROM ${table}`;
const day = (n: number): string => new Date(Date.UTC(2024, 0, 1 + n)).toISOString();

export function describeInsert(store: () => Store, words: StoreWords): void {
  const table = async (name: string) => {
    const spec = tableOf(name, COLUMNS);
    await create(store(), spec);
    return spec;
  };
  const presentIn = (name: string, from: number, to: number, log = "a", partition = 0) =>
    store().present(name, { log, partition, from, to });
  const countOf = async (name: string): Promise<unknown> => {
    const [first] = await rowsOf(store(), `SELECT count(*) AS rows FROM ${name}`);
    return first?.["rows"];
  };

  describe("insert and present", () => {
    test("each row is visible at once, with its place in the log and its accept time", async () => {
      const { schema } = await table("identity");
      const acceptedAt = Date.parse("2024-05-06T07:08:09.123Z");
      await store().insert(
        "identity",
        batchOf(schema, [row(1), row(2)], { log: "l'og", partition: 3, offsets: [7, 2 ** 40], acceptedAt }),
      );
      expect(
        await rowsOf(store(), "SELECT n, _log, _partition, _offset, _accepted_at FROM identity ORDER BY n"),
      ).toEqual([
        { n: 1, _log: "l'og", _partition: 3, _offset: 7, _accepted_at: "2024-05-06T07:08:09.123Z" },
        { n: 2, _log: "l'og", _partition: 3, _offset: 2 ** 40, _accepted_at: "2024-05-06T07:08:09.123Z" },
      ]);
    });

    test("rows keep their identity over many buffers, spaces around objects, and rows of different accept times", async () => {
      const { schema } = await table("aligned");
      const lines = Array.from({ length: 10_000 }, (_, n) =>
        Buffer.from(` ${JSON.stringify(row(n))}\t\r \n`),
      );
      await store().insert("aligned", {
        ...batchOf(schema, []),
        lines,
        count: lines.length,
        offsets: Float64Array.from(lines, (_, n) => n * 3),
        acceptedAt: Float64Array.from(lines, (_, n) => 1_700_000_000_000 + n),
      });
      const wrong = `_offset != n * 3 OR ${words.milliseconds("_accepted_at")} != 1700000000000 + n`;
      expect(await rowsOf(store(), totals("aligned", wrong))).toEqual([{ total: 10_000, wrong: 0 }]);
    });

    test("present gives what is there as ranges, of one log and one partition", async () => {
      const { schema } = await table("ranges");
      const insert = (offsets: number[], log: string, partition: number): Promise<void> =>
        store().insert(
          "ranges",
          batchOf(
            schema,
            offsets.map((n) => row(n)),
            { offsets, log, partition },
          ),
        );
      await insert([5, 6, 9], "a", 0);
      await insert([0, 7, 12], "a", 0);
      await insert([1], "a", 1);
      await insert([2], "b", 0);
      expect(await presentIn("ranges", 0, 100)).toEqual([
        { from: 0, to: 1 },
        { from: 5, to: 8 },
        { from: 9, to: 10 },
        { from: 12, to: 13 },
      ]);
      expect(await presentIn("ranges", 6, 9)).toEqual([{ from: 6, to: 8 }]);
      expect(await presentIn("ranges", 6, 6)).toEqual([]);
      expect(await presentIn("ranges", 0, 100, "b")).toEqual([{ from: 2, to: 3 }]);
      expect(await presentIn("ranges", 0, 100, "a", 1)).toEqual([{ from: 1, to: 2 }]);
      expect(await presentIn("ranges", 0, 100, "c")).toEqual([]);
    });

    test("a range of millions of offsets is asked for in pieces", async () => {
      const { schema } = await table("wide_range");
      const offsets = [0, 999_999, 1_000_000, 2_999_999];
      await store().insert(
        "wide_range",
        batchOf(
          schema,
          offsets.map((n) => row(n)),
          { offsets },
        ),
      );
      expect(
        await store().present("wide_range", { log: "log-a", partition: 0, from: 0, to: 3_000_000 }),
      ).toEqual([
        { from: 0, to: 1 },
        { from: 999_999, to: 1_000_001 },
        { from: 2_999_999, to: 3_000_000 },
      ]);
    });

    test("a batch may be larger than what the engine writes at once", async () => {
      const { schema } = await table("large");
      const count = words.manyRows;
      const lines = Array.from({ length: 12 }, (_, part) => {
        const numbers = Array.from({ length: count / 12 }, (_each, n) => part * (count / 12) + n);
        return Buffer.from(numbers.map((n) => `{"n":${n},"date":"2024-01-01T00:00:00Z"}\n`).join(""));
      });
      const offsets = Float64Array.from({ length: count }, (_, n) => n + 5);
      await store().insert("large", {
        ...batchOf(schema, []),
        lines,
        count,
        offsets,
        acceptedAt: new Float64Array(count),
      });
      expect(await rowsOf(store(), totals("large", "_offset != n + 5"))).toEqual([
        { total: count, wrong: 0 },
      ]);
      expect(await store().present("large", { log: "log-a", partition: 0, from: 0, to: 2_000_000 })).toEqual([
        { from: 5, to: count + 5 },
      ]);
    });

    test("an empty batch is nothing to do", async () => {
      const { schema } = await table("empty_batch");
      await store().insert("empty_batch", batchOf(schema, []));
      expect(await countOf("empty_batch")).toBe(0);
    });

    test("inserts that are asked for at once all arrive", async () => {
      const { schema } = await table("at_once");
      await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          store().insert("at_once", batchOf(schema, [row(n)], { offset: n })),
        ),
      );
      expect(await store().present("at_once", { log: "log-a", partition: 0, from: 0, to: 100 })).toEqual([
        { from: 0, to: 20 },
      ]);
    });

    test("a batch may reach over hundreds of partitions", async () => {
      const spec = tableOf("many_partitions", COLUMNS, {
        table: { orderBy: ["n"], partitionBy: { unit: "day", column: "date" }, ttl: undefined },
      });
      await create(store(), spec);
      await store().insert(
        "many_partitions",
        batchOf(
          spec.schema,
          Array.from({ length: 300 }, (_, n) => row(n, day(n))),
        ),
      );
      expect(await countOf("many_partitions")).toBe(300);
    });

    test("an event older than the retention counts as stored, although it is gone at once", async () => {
      const spec = tableOf("expired", COLUMNS, {
        table: { orderBy: ["n"], partitionBy: undefined, ttl: { count: 1, unit: "day", column: "date" } },
      });
      await create(store(), spec);
      await store().insert(
        "expired",
        batchOf(spec.schema, [row(1, "2001-01-01T00:00:00Z"), row(2, "2290-01-01T00:00:00Z")]),
      );
      expect(await rowsOf(store(), "SELECT n FROM expired WHERE n = 2")).toEqual([{ n: 2 }]);
    });
  });

  describe("an insert that may run until some time", () => {
    test("is there like any other when it comes before, by the store's own clock", async () => {
      const { schema } = await table("in_time");
      const now = await store().clock();
      expect(Math.abs(now - Date.now())).toBeLessThan(60_000);
      await store().insert("in_time", { ...batchOf(schema, [row(1)]), until: now + 60_000 });
      expect(await countOf("in_time")).toBe(1);
    });

    test("leaves nothing when it comes later, neither rows nor ids, and says that the lease is lost", async () => {
      const spec = tableOf("too_late", [column("id", "string"), ...COLUMNS], { idWindow: 86_400_000 });
      await create(store(), spec);
      const until = (await store().clock()) - 1;
      const late = batchOf(spec.schema, [{ id: "a", ...row(1) }], { ids: ["a"], acceptedAt: Date.now() });
      const failure = await failureOf(store().insert("too_late", { ...late, until }));
      expect(failure).toMatchObject({ code: "lease_lost" });
      expect(await countOf("too_late")).toBe(0);
      expect(await store().present("too_late", { log: "log-a", partition: 0, from: 0, to: 9 })).toEqual([]);
      expect(await store().findIds("too_late", ["a"], 0)).toEqual(new Map());
    });

    test("leaves nothing when its time is over while it runs or waits for others", async () => {
      const { schema } = await table("meanwhile");
      const count = 50_000;
      const lines = [Buffer.from(`${JSON.stringify(row(1))}\n`.repeat(count))];
      const acceptedAt = new Float64Array(count);
      const until = (await store().clock()) + 1_500;
      let inserted = 0;
      const codes = new Set<string>();
      const isDone = async (first: number): Promise<boolean> => {
        const offsets = Float64Array.from({ length: count }, (_row, i) => first + i);
        const batch = { ...batchOf(schema, []), lines, count, offsets, acceptedAt, until };
        try {
          await store().insert("meanwhile", batch);
          inserted += count;
          return true;
        } catch (error) {
          codes.add((error as { readonly code: string }).code);
          return false;
        }
      };
      for (let first = 0; ; first += 4 * count) {
        const done = await Promise.all([0, 1, 2, 3].map((n) => isDone(first + n * count)));
        if (!done.every(Boolean)) break;
      }
      expect([...codes]).toEqual(["lease_lost"]);
      expect(await countOf("meanwhile")).toBe(inserted);
    });
  });

  describe("an insert that fails", () => {
    test("for its data says so, names the row, and leaves nothing of the batch", async () => {
      const { schema } = await table("bad_row");
      const rows: unknown[] = Array.from({ length: 100_000 }, (_, n) => row(n));
      rows[90_123] = { n: "late", date: "2024-01-01T00:00:00Z" };
      const failure = await failureOf(store().insert("bad_row", batchOf(schema, rows)));
      expect(failure).toMatchObject({ code: "store_refused_events", details: { row: 90_123 } });
      expect(failure.message).toMatch(words.refusal);
      expect(failure.message).not.toMatch(/file\/uri|\/shm|\/tmp|While executing|Code:/);
      expect(await store().present("bad_row", { log: "log-a", partition: 0, from: 0, to: 100_000 })).toEqual(
        [],
      );
      expect(await countOf("bad_row")).toBe(0);
    });

    test.each([
      ["an unknown field", { n: 1, date: "2024-01-01T00:00:00Z", x: 1 }],
      ["a field that is there twice", '{"n":1,"n":2,"date":"2024-01-01T00:00:00Z"}'],
      ["a datetime that isn't one", { n: 1, date: "soon" }],
      ["a fraction for an integer", { n: 1.5, date: "2024-01-01T00:00:00Z" }],
      ["a list for a number", { n: [], date: "2024-01-01T00:00:00Z" }],
    ])("counts %s as a refused event", async (name, bad) => {
      const spec = tableOf(`refused_${name.replaceAll(/\W/g, "_")}`, COLUMNS);
      await create(store(), spec);
      const failure = await failureOf(store().insert(spec.name, batchOf(spec.schema, [row(1), bad, row(3)])));
      expect(failure).toMatchObject({ code: "store_refused_events", details: { row: 1 } });
      expect(await countOf(spec.name)).toBe(0);
    });

    test.each([
      ["uuid", { kind: "uuid" }, "zz"],
      ["ipv4", { kind: "ipv4" }, "1.2.3"],
      ["ipv6", { kind: "ipv6" }, "zz"],
      ["boolean", { kind: "boolean" }, "true"],
      ["decimal", { kind: "decimal", precision: 4, scale: 2 }, "12345"],
      ["array", { kind: "array", element: { kind: "int", bits: 8, signed: true }, nullable: false }, ["x"]],
      ["map", { kind: "map", value: { kind: "boolean" }, nullable: false }, { a: "x" }],
      ["nested", { kind: "tuple", fields: [column("a", "boolean")] }, { a: true, b: true }],
      ["instant", words.badInstant.type, words.badInstant.value],
    ] as readonly (readonly [string, ColumnType, unknown])[])(
      "counts a bad %s as a refused event",
      async (name, type, value) => {
        const spec = tableOf(`bad_${name}`, [column("n", "string"), column("value", type)]);
        await create(store(), spec);
        const failure = await failureOf(store().insert(spec.name, batchOf(spec.schema, [{ n: "x", value }])));
        expect(failure).toMatchObject({ code: "store_refused_events" });
      },
    );

    test("for a null where the table has none counts as a refused event", async () => {
      const { schema } = await table("no_null");
      const nullable = schema.columns.map((one) => ({ ...one, nullable: true }));
      const failure = await failureOf(
        store().insert("no_null", batchOf({ ...schema, columns: nullable }, [{ n: null, date: null }])),
      );
      expect(failure).toMatchObject({ code: "store_refused_events" });
    });

    test("for anything but the data is no fault of the events", async () => {
      const spec = tableOf("never_made", COLUMNS);
      expect(await failureOf(store().insert("never_made", batchOf(spec.schema, [row(1)])))).toMatchObject({
        code: "store_failed",
      });
      const { schema } = await table("narrower");
      const foreign = { ...schema, columns: [...schema.columns, column("gate", "string", true)] };
      expect(await failureOf(store().insert("narrower", batchOf(foreign, [row(1)])))).toMatchObject({
        code: "store_failed",
      });
    });

    test.each([
      ["a blank line", '{"n":1,"date":"2024-01-01T00:00:00Z"}\n\n'],
      [
        "two objects on a line",
        '{"n":1,"date":"2024-01-01T00:00:00Z"}{"n":2,"date":"2024-01-01T00:00:00Z"}\n',
      ],
      ["no newline at the end", '{"n":1,"date":"2024-01-01T00:00:00Z"}'],
      ["fewer lines than it counts", ""],
      ["more lines than it counts", '{"n":1,"date":"2024-01-01T00:00:00Z"}\n'.repeat(2)],
    ])("a batch with %s is refused before any row could get another's identity", async (name, lines) => {
      const spec = tableOf(`lines_${name.replaceAll(/\W/g, "_")}`, COLUMNS);
      await create(store(), spec);
      const batch = { ...batchOf(spec.schema, [row(1)]), lines: [Buffer.from(lines)] };
      expect(await failureOf(store().insert(spec.name, batch))).toMatchObject({ code: "store_failed" });
      expect(await countOf(spec.name)).toBe(0);
    });

    test("for a line that is no object names it, so that it can be left out", async () => {
      const spec = tableOf("no_object", COLUMNS);
      await create(store(), spec);
      const [good] = batchOf(spec.schema, [row(1)]).lines;
      const lines = [Buffer.concat([good ?? Buffer.of(), Buffer.from("[{}]\n")])];
      const batch = { ...batchOf(spec.schema, [row(1), row(2)]), lines };
      expect(await failureOf(store().insert(spec.name, batch))).toMatchObject({
        code: "store_refused_events",
        details: { row: 1 },
      });
      expect(await countOf(spec.name)).toBe(0);
    });
  });
}
