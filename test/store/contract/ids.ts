import { describe, expect, test } from "vitest";
import type { Store } from "../../../src/store/store.ts";
import type { TextColumn } from "../../../src/store/text-column.ts";
import { DAY, MINUTE } from "../../../src/units.ts";
import { batchOf, column, create, failureOf, schemaOf, tableOf } from "../support.ts";
import type { StoreWords } from "../words.ts";

const COLUMNS = [column("id", "string"), column("n", { kind: "int", bits: 32, signed: true })];
const SCHEMA = schemaOf(COLUMNS, "id");

function textsOf(ids: TextColumn): string[] {
  return Array.from({ length: ids.count }, (_, row) => ids.at(row));
}

export function describeIds(store: () => Store, words: StoreWords): void {
  const insert = (table: string, ids: readonly string[], offset: number, acceptedAt: number, log = "log-a") =>
    store().insert(
      table,
      batchOf(
        SCHEMA,
        ids.map((id, n) => ({ id, n })),
        { ids, offset, acceptedAt, log },
      ),
    );
  const table = (name: string): Promise<void> =>
    create(store(), tableOf(name, COLUMNS, { schema: SCHEMA, idWindow: DAY }));

  describe("ids", () => {
    test("are found with the first position that they were stored at", async () => {
      await table("ids_first");
      const now = Date.now();
      const odd = words.oddId;
      await insert("ids_first", ["a", "b", odd], 10, now - 2000);
      await insert("ids_first", ["b", "c"], 20, now - 1000);
      await insert("ids_first", ["a"], 5, now, "log-b");
      const found = await store().findIds("ids_first", ["a", "b", "c", odd, "never"], 0);
      expect(Object.fromEntries(found)).toEqual({
        a: { log: "log-a", offset: 10 },
        b: { log: "log-a", offset: 11 },
        c: { log: "log-a", offset: 21 },
        [odd]: { log: "log-a", offset: 12 },
      });
    });

    test("that an insert left out are stored with the places of their rows, as often as one likes", async () => {
      // Such a store writes rows and ids in one transaction: none can be left out.
      if (store().keepIds === undefined) return;
      await table("ids_kept");
      const rows = ["a", "b"].map((id, n) => ({ id, n }));
      await store().insert("ids_kept", batchOf(SCHEMA, rows, { offset: 30 }));
      expect((await store().findIds("ids_kept", ["a", "b"], 0)).size).toBe(0);
      for (let time = 1; time <= 2; time++) {
        await store().keepIds?.("ids_kept", batchOf(SCHEMA, rows, { ids: ["a", "b"], offset: 30 }));
      }
      expect(Object.fromEntries(await store().findIds("ids_kept", ["a", "b"], 0))).toEqual({
        a: { log: "log-a", offset: 30 },
        b: { log: "log-a", offset: 31 },
      });
      const range = { log: "log-a", partition: 0, from: 0, to: 100 };
      expect(await store().present("ids_kept", range)).toEqual([{ from: 30, to: 32 }]);
    });

    test("count only from a time on", async () => {
      await table("ids_since");
      const now = Date.now();
      await insert("ids_since", ["a", "b"], 0, now - 10_000);
      await insert("ids_since", ["a"], 2, now);
      expect(Object.fromEntries(await store().findIds("ids_since", ["a", "b"], now - 5000))).toEqual({
        a: { log: "log-a", offset: 2 },
      });
      expect((await store().findIds("ids_since", ["a", "b"], now - 10_000)).size).toBe(2);
    });

    test("of a row that is tried again keep their first position", async () => {
      await table("ids_again");
      const now = Date.now();
      await insert("ids_again", ["a"], 7, now);
      await insert("ids_again", ["a"], 7, now);
      expect(Object.fromEntries(await store().findIds("ids_again", ["a"], 0))).toEqual({
        a: { log: "log-a", offset: 7 },
      });
    });

    test("are there when their rows are, so that no duplicate gets in between", async () => {
      await table("ids_before");
      const bad = { ...batchOf(SCHEMA, [{ id: "a", n: "x" }], { ids: ["a"] }) };
      expect(await failureOf(store().insert("ids_before", bad))).toMatchObject({
        code: "store_refused_events",
      });
      expect(await store().present("ids_before", { log: "log-a", partition: 0, from: 0, to: 1 })).toEqual([]);
      await insert("ids_before", ["a"], 0, Date.now());
      expect((await store().findIds("ids_before", ["a"], 0)).get("a")).toEqual({ log: "log-a", offset: 0 });
    });

    test("that no row can have are none, and no error", async () => {
      await table("ids_nul");
      expect((await store().findIds("ids_nul", ["a\0b", "x"], 0)).size).toBe(0);
    });

    test("are asked for and scanned in any number", async () => {
      await table("ids_many");
      const now = Date.now();
      const ids = Array.from({ length: 120_001 }, (_, n) => `id-${n}`);
      await insert("ids_many", ids, 0, now);
      await insert("ids_many", ["old"], 200_000, now - 60_000);
      const found = await store().findIds("ids_many", ids, 0);
      expect(found.size).toBe(ids.length);
      expect(found.get("id-120000")).toEqual({ log: "log-a", offset: 120_000 });

      const pages: string[][] = [];
      for await (const page of store().scanIds("ids_many", now - 30_000)) pages.push(textsOf(page));
      expect(pages.length).toBeGreaterThan(1);
      expect(new Set(pages.flat())).toEqual(new Set(ids));
    });

    test("are scanned as they were stored, whatever they are made of", async () => {
      await table("ids_odd");
      const ids = [
        "plain",
        "with space",
        "t\ta\\b\"'",
        "line\nbreak",
        "é 漢 😀",
        "x".repeat(200),
        "y".repeat(20_000),
      ];
      await insert("ids_odd", ids, 0, Date.now());
      const scanned: string[] = [];
      for await (const page of store().scanIds("ids_odd", 0)) scanned.push(...textsOf(page));
      expect(scanned.sort()).toEqual(ids.sort());
    });

    test("are kept until they are let go, by when they were stored", async () => {
      await table("ids_forgotten");
      const now = Date.now();
      await insert("ids_forgotten", ["old", "new"], 0, now - 3 * DAY);
      const stored = async () => {
        const found = await store().findIds("ids_forgotten", ["old", "new"], 0);
        return [...found.keys()].sort();
      };
      await store().forgetIds("ids_forgotten", now - MINUTE);
      expect(await stored()).toEqual(["new", "old"]);
      await store().forgetIds("ids_forgotten", now + 2 * DAY);
      expect(await stored()).toEqual([]);
    });

    test("of an empty table are none", async () => {
      await table("ids_none");
      expect((await store().findIds("ids_none", ["a"], 0)).size).toBe(0);
      expect((await store().findIds("ids_none", [], 0)).size).toBe(0);
      await store().forgetIds("ids_none", Date.now());
      for await (const page of store().scanIds("ids_none", 0)) expect(textsOf(page)).toEqual([]);
    });
  });
}
