import { watch } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { watchProject } from "../../../src/cli/dev/watch-project.ts";
import { SECOND } from "../../../src/units.ts";
import { until } from "../../support/until.ts";

let folder: string;
let changes: number;
let stop: () => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-watch-"));
  for (const name of ["streams", "node_modules/zod", ".headrace/store"]) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await writeFile(join(folder, "sentinel"), "");
  changes = 0;
  stop = await watchProject(folder, () => changes++);
});

afterEach(async () => {
  vi.useRealTimers();
  stop();
  await rm(folder, { recursive: true, force: true });
});

test.each(["headrace.config.ts", "streams/flights.ts", ".env"])("a change of %s is told", async (name) => {
  await writeFile(join(folder, name), "x");
  await until(() => changes > 0);
  expect(changes).toBe(1);
});

test("a file in a folder that is new is told too", async () => {
  await mkdir(join(folder, "endpoints"));
  await until(async () => {
    await writeFile(join(folder, "endpoints/one.ts"), "x");
    return changes > 0;
  });
  expect(changes).toBeGreaterThan(0);
});

// The system's news is real, the time is not: nothing has to be waited for to see that nothing more happens.
describe("when all that happened has come in and its time is over", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));

  test("changes at once were told once", async () => {
    await comeIn(async () => {
      for (let n = 0; n < 20; n++) await writeFile(join(folder, `streams/s${n}.ts`), "x");
    });
    expect(changes).toBe(0);
    vi.advanceTimersByTime(10 * SECOND);
    expect(changes).toBe(1);
  });

  test("nothing was told of the data folder, packages and other files", async () => {
    await comeIn(async () => {
      for (const name of ["node_modules/zod/index.ts", ".headrace/store/part.ts", "events.ndjson"]) {
        await writeFile(join(folder, name), "x");
      }
    });
    vi.advanceTimersByTime(10 * SECOND);
    expect(changes).toBe(0);
  });

  test("nothing was told after the stop", async () => {
    await comeIn(() => writeFile(join(folder, "one.ts"), "x"));
    stop();
    vi.advanceTimersByTime(10 * SECOND);
    expect(changes).toBe(0);
  });
});

/** Does something, and waits until every watch has got the system's news of it: they come in one queue. */
async function comeIn(work: () => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(folder, (_event, name) => name === "sentinel" && resolve());
  await work();
  await rm(join(folder, "sentinel"));
  await promise;
  watcher.close();
}
