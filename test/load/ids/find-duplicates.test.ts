import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TextColumn } from "../../../src/store/text-column.ts";
import { findDuplicates as findAmong, type DuplicateSearch } from "../../../src/load/ids/find-duplicates.ts";
import { IdFilter } from "../../../src/load/ids/id-filter.ts";
import type { RefusedPlace } from "../../../src/load/ledger-state.ts";
import type { StoredId } from "../../../src/store/store.ts";

const WINDOW = 100;
const LOG = "l1";

interface StoredRow extends StoredId {
  readonly id: string;
  readonly acceptedAt: number;
}

/** What a store with these ids answers, and a filter that has them. */
function searchOf(stored: readonly StoredRow[], refused: readonly RefusedPlace[] = []) {
  const filter = new IdFilter({ window: WINDOW, idsMax: 10_000, since: -Infinity });
  for (const { id, acceptedAt } of stored)
    filter.add(filter.fingerprintAt(TextColumn.of([id]), 0), acceptedAt);
  let questions = 0;
  const search: DuplicateSearch = {
    store: {
      findIds: async (_table, ids, since) => {
        questions += 1;
        const found = new Map<string, StoredId>();
        for (const row of [...stored].sort((a, b) => a.offset - b.offset)) {
          if (row.acceptedAt >= since && ids.includes(row.id) && !found.has(row.id)) found.set(row.id, row);
        }
        return found;
      },
    },
    table: "events",
    window: WINDOW,
    now: Infinity,
    filter,
    refused,
  };
  return { search, questions: () => questions };
}

interface IdRow {
  readonly id: string;
  readonly offset: number;
  readonly acceptedAt: number;
}

function findDuplicates(search: DuplicateSearch, log: string, rows: readonly IdRow[]): Promise<number[]> {
  const ids = TextColumn.of(rows.map(({ id }) => id));
  return findAmong(search, log, {
    ids,
    fingerprints: Uint32Array.from(rows, (_, index) => search.filter.fingerprintAt(ids, index)),
    offsets: Float64Array.from(rows, ({ offset }) => offset),
    acceptedAt: Float64Array.from(rows, ({ acceptedAt }) => acceptedAt),
  });
}

const row = (id: string, offset: number, acceptedAt = 1_000): IdRow => ({ id, offset, acceptedAt });
const storedRow = (id: string, offset: number, acceptedAt = 950, log = LOG): StoredRow => ({
  id,
  offset,
  acceptedAt,
  log,
});

test("an id that is stored within the window is a duplicate, one that is stored before it is not", async () => {
  const { search } = searchOf([storedRow("in", 1, 901), storedRow("out", 2, 899)]);
  expect(await findDuplicates(search, LOG, [row("in", 10), row("out", 11), row("new", 12)])).toEqual([10]);
});

test("a clock that was set ahead takes no id out of the window before it has come so far, in the store or in the batch", async () => {
  const { search } = searchOf([storedRow("a", 1, 990), storedRow("ahead", 2, 9_000)]);
  const rows = [row("a", 10, 9_001), row("b", 11, 1_000), row("b", 12, 9_002), row("ahead", 13, 1_001)];
  expect(await findDuplicates({ ...search, now: 1_002 }, LOG, rows)).toEqual([10, 12, 13]);
  expect(await findDuplicates({ ...search, now: 9_003 }, LOG, rows)).toEqual([13]);
});

test("each row has the window of its own time, though they are asked about together", async () => {
  const { search } = searchOf([storedRow("a", 1, 850), storedRow("b", 2, 850)]);
  expect(
    await findDuplicates(search, LOG, [row("a", 10, 940), row("b", 11, 1_200), row("c", 12, 1_300)]),
  ).toEqual([10]);
});

test("of equal ids in one batch the first counts, until the window is over", async () => {
  const { search } = searchOf([]);
  const rows = [
    row("a", 10, 1_000),
    row("a", 11, 1_000),
    row("a", 12, 1_100),
    row("a", 13, 1_101),
    row("a", 14, 1_102),
  ];
  expect(await findDuplicates(search, LOG, rows)).toEqual([11, 12, 14]);
});

test("an id that is stored at the same place is the event itself, tried before", async () => {
  const { search } = searchOf([storedRow("a", 10, 1_000)]);
  expect(await findDuplicates(search, LOG, [row("a", 10), row("a", 11)])).toEqual([11]);
});

test("the same offset of another log is another event", async () => {
  const { search } = searchOf([storedRow("a", 10, 1_000, "l0")]);
  expect(await findDuplicates(search, LOG, [row("a", 10)])).toEqual([10]);
});

test("an id whose event the store refused is free again, and its next owner's is not", async () => {
  const refused = [{ log: LOG, offset: 1, acceptedAt: 950 }];
  const free = searchOf([storedRow("a", 1)], refused);
  expect(await findDuplicates(free.search, LOG, [row("a", 10), row("a", 11)])).toEqual([11]);
  const taken = searchOf([storedRow("a", 1), storedRow("a", 2, 960)], refused);
  expect(await findDuplicates(taken.search, LOG, [row("a", 10)])).toEqual([10]);
  const inherited = searchOf(
    [storedRow("a", 1), storedRow("a", 2)],
    [{ log: LOG, offset: 1, acceptedAt: 950, heir: 2 }],
  );
  expect(await findDuplicates(inherited.search, LOG, [row("a", 10)])).toEqual([10]);
});

test("new ids cost the store no question", async () => {
  const { search, questions } = searchOf([storedRow("other", 1)]);
  const rows = Array.from({ length: 50 }, (_, index) => row(`id-${index}`, index + 10));
  expect(await findDuplicates(search, LOG, rows)).toEqual([]);
  expect(questions()).toBe(0);
});

test("agrees with looking at every event in turn", async () => {
  const ids = fc.constantFrom("a", "b", "c", "d");
  const events = fc.array(fc.tuple(ids, fc.nat({ max: 90 })), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(events, fc.nat({ max: 30 }), async (list, storedCount) => {
      let time = 1_000;
      const rows = list.map(([id, gap], offset) => row(id, offset, (time += gap)));
      const firsts = new Map<string, number>();
      const expected: number[] = [];
      const stored: StoredRow[] = [];
      for (const { id, offset, acceptedAt } of rows) {
        const first = firsts.get(id);
        if (first !== undefined && acceptedAt - first <= WINDOW) expected.push(offset);
        else {
          firsts.set(id, acceptedAt);
          if (offset < storedCount) stored.push(storedRow(id, offset, acceptedAt));
        }
      }
      // The rows before `storedCount` were loaded earlier; the rest comes now.
      const { search } = searchOf(stored);
      const found = await findDuplicates(search, LOG, rows.slice(storedCount));
      expect(found).toEqual(expected.filter((offset) => offset >= storedCount));
    }),
    { numRuns: 500 },
  );
});
