import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { watchProject } from "../../../src/cli/dev/watch-project.ts";
import { until } from "../../support/until.ts";

let folder: string;
let changes: number;
let stop: () => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-watch-"));
  for (const name of ["streams", "node_modules/zod", ".headrace/store"]) {
    await mkdir(join(folder, name), { recursive: true });
  }
  changes = 0;
  stop = await watchProject(folder, () => changes++);
});

afterEach(async () => {
  stop();
  await rm(folder, { recursive: true, force: true });
});

test.each(["headrace.config.ts", "streams/flights.ts", ".env"])("a change of %s is told", async (name) => {
  await writeFile(join(folder, name), "x");
  await until(() => changes > 0);
  expect(changes).toBe(1);
});

test("changes at once are told once", async () => {
  for (let n = 0; n < 20; n++) await writeFile(join(folder, `streams/s${n}.ts`), "x");
  await until(() => changes > 0);
  await sleep(300);
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

test("the data folder, packages and other files aren't watched", async () => {
  for (const name of ["node_modules/zod/index.ts", ".headrace/store/part.ts", "events.ndjson"]) {
    await writeFile(join(folder, name), "x");
  }
  // The sentinel comes after them in the same queue of the system.
  await writeFile(join(folder, "last.ts"), "x");
  await until(() => changes > 0);
  await sleep(300);
  expect(changes).toBe(1);
});

test("after the stop nothing is told", async () => {
  await writeFile(join(folder, "one.ts"), "x");
  stop();
  await sleep(400);
  expect(changes).toBe(0);
});
