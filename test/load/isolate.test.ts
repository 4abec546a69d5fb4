import * as fc from "fast-check";
import { expect, test } from "vitest";
import { HeadraceError } from "../../src/errors.ts";
import { insertIsolating } from "../../src/load/isolate.ts";
import { NO_SPANS, offsetsOf, spansOf, type Spans } from "../../src/load/spans.ts";

/** A table that refuses some offsets, names the first of them or not, and may keep a part of an insert that it refuses. */
class Table {
  readonly rows: number[] = [];
  readonly refused: number[] = [];
  inserts = 0;
  largest = 0;
  readonly #bad: ReadonlySet<number>;
  readonly #naming: boolean;
  readonly #keepsPart: boolean;

  constructor(bad: readonly number[], options: { readonly naming: boolean; readonly keepsPart: boolean }) {
    this.#bad = new Set(bad);
    this.#naming = options.naming;
    this.#keepsPart = options.keepsPart;
  }

  async run(wanted: Spans, rowsMax = 1_000): Promise<void> {
    await insertIsolating({
      wanted,
      rowsMax,
      insert: async (offsets) => this.#insert([...offsetsOf(offsets)]),
      present: async () => spansOf([...this.rows].sort((a, b) => a - b)),
      refused: async (offset) => {
        this.refused.push(offset);
        return NO_SPANS;
      },
      checkpoint: () => {},
    });
  }

  #insert(offsets: number[]): void {
    this.inserts += 1;
    this.largest = Math.max(this.largest, offsets.length);
    const row = offsets.findIndex((offset) => this.#bad.has(offset));
    if (row === -1) this.rows.push(...offsets);
    else {
      if (this.#keepsPart) this.rows.push(...offsets.slice(0, Math.floor(row / 2)));
      const details = this.#naming ? { row } : {};
      throw new HeadraceError("store_refused_events", `can't read row ${row}`, { details });
    }
  }
}

test("every row is inserted once or refused once, whatever the store tells and keeps", async () => {
  const list = fc.uniqueArray(fc.nat({ max: 300 }), { minLength: 1, maxLength: 120 });
  await fc.assert(
    fc.asyncProperty(
      list,
      list,
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 50 }),
      async (offsets, bad, naming, keepsPart, rowsMax) => {
        const wanted = offsets.sort((a, b) => a - b);
        const table = new Table(bad, { naming, keepsPart });
        await table.run(spansOf(wanted), rowsMax);
        expect(table.rows.sort((a, b) => a - b)).toEqual(wanted.filter((offset) => !bad.includes(offset)));
        expect(table.refused.sort((a, b) => a - b)).toEqual(wanted.filter((offset) => bad.includes(offset)));
        expect(table.largest).toBeLessThanOrEqual(rowsMax);
      },
    ),
  );
});

test("n named bad rows cost 2n + 2 inserts", async () => {
  const offsets = Array.from({ length: 1_000 }, (_, index) => index);
  const table = new Table([5, 400, 401, 999], { naming: true, keepsPart: false });
  await table.run(spansOf(offsets));
  expect(table.refused).toEqual([5, 400, 401, 999]);
  expect(table.inserts).toBeLessThanOrEqual(10);
});

test("an error that isn't about data refuses nothing", async () => {
  const refused: number[] = [];
  const failed = insertIsolating({
    wanted: spansOf([1, 2, 3]),
    rowsMax: 10,
    insert: async () => {
      throw new HeadraceError("store_failed", "memory limit exceeded");
    },
    present: async () => NO_SPANS,
    refused: async (offset) => {
      refused.push(offset);
      return NO_SPANS;
    },
    checkpoint: () => {},
  });
  await expect(failed).rejects.toMatchObject({ code: "store_failed" });
  expect(refused).toEqual([]);
});

test("a row that the store refuses among others but takes alone is stored", async () => {
  const rows: number[] = [];
  await insertIsolating({
    wanted: spansOf([1, 2, 3, 4]),
    rowsMax: 10,
    insert: async (offsets) => {
      const list = [...offsetsOf(offsets)];
      if (list.length > 1)
        throw new HeadraceError("store_refused_events", "one of them", { details: { row: 1 } });
      rows.push(...list);
    },
    present: async () => NO_SPANS,
    refused: async () => expect.unreachable("no row is bad alone"),
    checkpoint: () => {},
  });
  expect(rows.sort((a, b) => a - b)).toEqual([1, 2, 3, 4]);
});
