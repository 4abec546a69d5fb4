import { expect, test } from "vitest";
import { GroupPace } from "../../../src/log/embedded/group-pace.ts";

function paceAt() {
  const time = { now: 1_000 };
  const pace = new GroupPace(() => time.now);
  /** A group that begins so long after the last one's end, and takes so long to sync. */
  const group = (gathering: number, sync: number, waiting: number): number => {
    time.now += gathering;
    const taken = pace.begin(waiting);
    time.now += sync;
    pace.end();
    return taken;
  };
  return group;
}

test("half of what waits goes first when working on it took longer than the last sync", () => {
  const group = paceAt();
  expect(group(0, 1, 64)).toBe(64);
  expect(group(3, 1, 64)).toBe(32);
  // From then on one half waits when the other is synced: it is taken whole.
  expect(group(0, 1, 32)).toBe(32);
});

test("all of it is taken when the disk is what takes longer", () => {
  const group = paceAt();
  expect(group(0, 5, 64)).toBe(64);
  expect(group(3, 5, 64)).toBe(64);
});

test("a batch alone is taken at once", () => {
  const group = paceAt();
  expect(group(0, 1, 1)).toBe(1);
  expect(group(50, 1, 1)).toBe(1);
});
