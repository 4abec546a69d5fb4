import { expect, test } from "vitest";
import { IdFilter } from "../../../src/load/ids/id-filter.ts";
import { TextColumn } from "../../../src/store/text-column.ts";
import { DAY, HOUR } from "../../../src/units.ts";

const NOW = Date.UTC(2026, 0, 2);

function filterOf(options: { readonly idsMax?: number; readonly since?: number } = {}) {
  const filter = new IdFilter({
    window: DAY,
    idsMax: options.idsMax ?? 1_000_000,
    since: options.since ?? NOW - DAY,
  });
  const fingerprint = (id: string) => filter.fingerprintAt(TextColumn.of([id]), 0);
  const may = (id: string, at: number) => filter.mayHave(fingerprint(id), at);
  const add = (id: string, at: number) => filter.add(fingerprint(id), at);
  return { filter, may, add };
}

test("an id that was added within the window is never denied", () => {
  const { may, add } = filterOf();
  for (let index = 0; index < 20_000; index++) add(`id-${index}`, NOW + index);
  for (let index = 0; index < 20_000; index++) expect(may(`id-${index}`, NOW + index + DAY)).toBe(true);
});

test("ids that weren't added are denied, but for a few in millions", () => {
  const { may, add } = filterOf();
  for (let index = 0; index < 100_000; index++) add(`id-${index}`, NOW);
  let wrong = 0;
  for (let index = 0; index < 100_000; index++) if (may(`other-${index}`, NOW)) wrong += 1;
  // 100,000 of 4.3 billion fingerprints: 2.3 expected; 20 would come once in 10^12 runs.
  expect(wrong).toBeLessThan(20);
});

test("what the window has left behind is dropped, and its memory with it", () => {
  const { filter, may, add } = filterOf();
  for (let index = 0; index < 1_000; index++) add(`old-${index}`, NOW);
  add("new", NOW + 20 * HOUR);
  filter.rotate(NOW + 40 * HOUR);
  expect(filter.size).toBe(1);
  expect(may("old-1", NOW + 40 * HOUR)).toBe(false);
  expect(may("new", NOW + 40 * HOUR)).toBe(true);
});

test("after the clock has jumped forward and back, ids of dropped times are looked up, not denied", () => {
  const { filter, may, add } = filterOf();
  add("early", NOW);
  filter.rotate(NOW + 10 * DAY);
  expect(may("early", NOW + HOUR)).toBe(true);
});

test("ids accepted before the filter's beginning are looked up", () => {
  const { may } = filterOf({ since: NOW - HOUR });
  expect(may("unknown", NOW)).toBe(true);
  expect(may("unknown", NOW + DAY)).toBe(false);
});

test("past its bound it holds no more, and looks up instead", () => {
  const { filter, may, add } = filterOf({ idsMax: 1_000 });
  for (let index = 0; index < 5_000; index++) add(`id-${index}`, NOW + index);
  expect(filter.size).toBeLessThanOrEqual(1_000);
  for (let index = 0; index < 5_000; index += 7) expect(may(`id-${index}`, NOW + 5_000)).toBe(true);
});
