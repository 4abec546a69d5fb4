import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openClockFile } from "../src/clock-file.ts";
import { GuardedClock } from "../src/guarded-clock.ts";
import { DAY, HOUR } from "../src/units.ts";

const NOW = 1_700_000_000_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-clock-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A clock at this time, begun. */
function clockAt(wall: () => number): GuardedClock {
  const clock = new GuardedClock(wall, () => 0);
  clock.startedAfter(undefined);
  return clock;
}

test("the next start knows how far time had surely come, though the clock was ahead when the server stopped", async () => {
  let wall = NOW;
  const first = await openClockFile(
    folder,
    clockAt(() => wall),
  );
  expect(first.noted).toBeUndefined();
  wall += 10 * DAY;
  await first.close();
  const second = await openClockFile(
    folder,
    clockAt(() => NOW + HOUR),
  );
  expect(second.noted).toBe(NOW);
  await second.close();
  expect(await readdir(folder)).toEqual(["clock.json"]);
});

test("a clock that hasn't begun notes nothing", async () => {
  await (await openClockFile(folder, new GuardedClock())).close();
  expect(await readdir(folder)).toEqual([]);
});

test("a note that can't be read, or written, stops nobody", async () => {
  for (const text of ["", "{", "7", '{"sure":"soon"}', '{"sure":-1}']) {
    await writeFile(join(folder, "clock.json"), text);
    const file = await openClockFile(
      folder,
      clockAt(() => NOW),
    );
    expect(file.noted).toBeUndefined();
    await file.close();
  }
  const gone = await openClockFile(
    join(folder, "gone"),
    clockAt(() => NOW),
  );
  await gone.close();
  expect(await readdir(folder)).toEqual(["clock.json"]);
});
