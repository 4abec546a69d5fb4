import { describe, expect, test } from "vitest";
import type { RowSelection, Store } from "../../../src/store/store.ts";
import { DAY } from "../../../src/units.ts";
import { batchOf, column, create, failureOf, rowsOf, schemaOf, tableOf } from "../support.ts";
import type { StoreWords } from "../words.ts";

const COLUMNS = [
  column("id", "string"),
  column("n", { kind: "int", bits: 32, signed: true }),
  column("note", "string", true),
];
const SCHEMA = schemaOf(COLUMNS, "id");
const ACCEPTED = Date.UTC(2026, 0, 1);

export function describeErase(store: () => Store, words: StoreWords): void {
  /** A table of rows with ids: n from 0 to 9 in the log `log-a`, accepted a second apart, every third one with a note. */
  const fill = async (name: string): Promise<void> => {
    await create(store(), tableOf(name, COLUMNS, { schema: SCHEMA, idWindow: DAY }));
    const rows = Array.from({ length: 10 }, (_, n) => {
      return { id: `id-${n}`, n, note: n % 3 === 0 ? `it's "${n}"` : null };
    });
    const acceptedAt = Float64Array.from(rows, ({ n }) => ACCEPTED + n * 1000);
    const rowIds = rows.map(({ id }) => id);
    await store().insert(name, { ...batchOf(SCHEMA, rows, { ids: rowIds }), acceptedAt });
  };
  const erase = (name: string, rows: RowSelection, dryRun = false) => store().erase(name, rows, { dryRun });
  const left = async (name: string): Promise<unknown[]> =>
    (await rowsOf(store(), `SELECT n FROM ${name} ORDER BY n`)).map(({ n }) => n);
  const ids = async (name: string): Promise<string[]> => {
    const all = Array.from({ length: 10 }, (_, n) => `id-${n}`);
    return [...(await store().findIds(name, all, 0)).keys()].toSorted();
  };

  describe("erase", () => {
    test("of nothing that fits changes nothing, and of everything leaves nothing", async () => {
      await fill("erase_all");
      expect(await erase("erase_all", { where: "n > 100" })).toBe(0);
      expect(await left("erase_all")).toHaveLength(10);
      expect(await ids("erase_all")).toHaveLength(10);
      expect(await erase("erase_all", {})).toBe(10);
      expect(await left("erase_all")).toEqual([]);
      expect(await ids("erase_all")).toEqual([]);
      expect(await erase("erase_all", {})).toBe(0);
    });

    test("takes the rows for which the condition is true, with their ids, once", async () => {
      await fill("erase_some");
      expect(await erase("erase_some", { where: "n < 2 OR id = 'id-7'" })).toBe(3);
      expect(await left("erase_some")).toEqual([2, 3, 4, 5, 6, 8, 9]);
      expect(await ids("erase_some")).toEqual([2, 3, 4, 5, 6, 8, 9].map((n) => `id-${n}`));
      expect(await erase("erase_some", { where: "n < 2 OR id = 'id-7'" })).toBe(0);
    });

    test("leaves rows for which the condition is NULL, and takes those that it names by IS NULL", async () => {
      await fill("erase_null");
      expect(await erase("erase_null", { where: "note = 'nobody''s'" })).toBe(0);
      expect(await erase("erase_null", { where: "note != 'nobody''s'" })).toBe(4);
      expect(await left("erase_null")).toEqual([1, 2, 4, 5, 7, 8]);
      expect(await erase("erase_null", { where: "NULL" })).toBe(0);
      expect(await erase("erase_null", { where: "note IS NULL AND n > 4" })).toBe(3);
      expect(await left("erase_null")).toEqual([1, 2, 4]);
    });

    test("as a dry run counts and changes nothing", async () => {
      await fill("erase_dry");
      expect(await erase("erase_dry", { where: "n % 2 = 0" }, true)).toBe(5);
      expect(await erase("erase_dry", {}, true)).toBe(10);
      expect(await left("erase_dry")).toHaveLength(10);
      expect(await ids("erase_dry")).toHaveLength(10);
    });

    test("takes what fulfils all that is asked: values, texts, times, and a place in the log", async () => {
      await fill("erase_parts");
      const quoted = { columns: ["id", "note"], text: `it's "` };
      expect(await erase("erase_parts", { equal: { id: "id-3" }, containing: quoted }, true)).toBe(1);
      expect(await erase("erase_parts", { equal: { id: "id-4" }, containing: quoted }, true)).toBe(0);
      expect(await erase("erase_parts", { containing: { ...quoted, text: "%" } }, true)).toBe(0);
      expect(await erase("erase_parts", { acceptedBefore: ACCEPTED + 3000 }, true)).toBe(3);
      const until = { log: "log-a", partition: 0, offset: 5, acceptedAt: ACCEPTED };
      expect(await erase("erase_parts", { where: "n > 2", until }, true)).toBe(2);
      // Of another log the time decides, to the millisecond.
      const other = { ...until, log: "log-b", acceptedAt: ACCEPTED + 4000 };
      expect(await erase("erase_parts", { until: other }, true)).toBe(5);
      expect(await erase("erase_parts", { until: { ...until, partition: 1 } }, true)).toBe(0);
      expect(await erase("erase_parts", { until })).toBe(5);
      expect(await left("erase_parts")).toEqual([5, 6, 7, 8, 9]);
      expect(await ids("erase_parts")).toEqual([5, 6, 7, 8, 9].map((n) => `id-${n}`));
    });

    test("refuses a condition that isn't surely harmless, or that a row can't be computed with, and changes nothing", async () => {
      await fill("erase_bad");
      for (const where of [
        "n = (SELECT 1)",
        "nothing = 1",
        "n = 1; DROP TABLE erase_bad",
        "toInt32(id) = 1",
      ]) {
        expect(await failureOf(erase("erase_bad", { where }))).toMatchObject({ code: "condition_invalid" });
      }
      expect(await left("erase_bad")).toHaveLength(10);
      expect(await ids("erase_bad")).toHaveLength(10);
    });

    test("finds the events in a column of text for which a condition over their own table is true", async () => {
      const types = [
        column("id", "string"),
        column("event", "string", true),
        column("at", { kind: "datetime", precision: 3 }),
        column("day", "date", true),
        column("flag", "boolean", true),
        column("price", { kind: "decimal", precision: 10, scale: 2 }, true),
        column("tags", { kind: "array", element: { kind: "string" }, nullable: false }),
        column("kind", { kind: "enum", values: ["a", "b"] }, true),
        column("uuid", "uuid", true),
      ];
      await create(store(), tableOf("erase_typed", types));
      await create(store(), tableOf("erase_texts", [column("id", "string"), column("event", "string")]));
      const events = [
        {
          id: "1",
          event: "inner",
          at: "2026-01-02T03:04:05+01:00",
          day: "2026-01-02",
          flag: true,
          price: "1.5",
          tags: ["x", "y"],
          kind: "a",
          uuid: "00000000-0000-4000-8000-000000000000",
        },
        {
          id: 2,
          event: null,
          at: "late",
          day: 5,
          flag: "perhaps",
          price: "much",
          tags: "x",
          kind: 1,
          uuid: "u",
        },
      ];
      const texts = [...events.map((event) => JSON.stringify(event)), "no JSON", "[]", "{}"];
      const rows = texts.map((event, n) => ({ id: String(n), event }));
      await store().insert(
        "erase_texts",
        batchOf(schemaOf([column("id", "string"), column("event", "string")]), rows),
      );
      const count = (where: string, more: RowSelection = {}) =>
        erase("erase_texts", { ...more, event: { column: "event", table: "erase_typed", where } }, true);
      for (const where of [
        "id = '1'",
        "event = 'inner'",
        "at = '2026-01-02 02:04:05'",
        "day = '2026-01-02'",
        "flag",
        "price > 1.4",
        words.hasItem("tags", "y"),
        "kind = 'a'",
        "uuid = '00000000-0000-4000-8000-000000000000'",
        "id = '2'",
        "kind = '1'",
      ]) {
        expect([where, await count(where)]).toEqual([where, 1]);
      }
      expect(await count("id IS NULL")).toBe(1);
      expect(await count(words.yes)).toBe(3);
      expect(await count(words.yes, { equal: { id: "4" } })).toBe(1);
      expect(await failureOf(count("nothing = 1"))).toMatchObject({ code: "condition_invalid" });
      expect(await failureOf(count("event = (SELECT 1)"))).toMatchObject({ code: "condition_invalid" });
      const event = { column: "event", table: "erase_typed", where: "price > 1.4" };
      expect(await erase("erase_texts", { event })).toBe(1);
      expect((await rowsOf(store(), "SELECT id FROM erase_texts ORDER BY id")).map(({ id }) => id)).toEqual([
        "1",
        "2",
        "3",
        "4",
      ]);
    });

    test("of rows goes on beside inserts and queries", async () => {
      await fill("erase_beside");
      const more = batchOf(SCHEMA, [{ id: "id-late", n: 100, note: null }], {
        ids: ["id-late"],
        offset: 100,
      });
      const [erased] = await Promise.all([
        erase("erase_beside", { where: "n < 5" }),
        store().insert("erase_beside", more),
        left("erase_beside"),
      ]);
      expect(erased).toBe(5);
      expect(await left("erase_beside")).toEqual([5, 6, 7, 8, 9, 100]);
    });
  });
}
