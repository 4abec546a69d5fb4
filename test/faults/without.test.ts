import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { holds, runScenario } from "./run-scenario.ts";
import { restarts } from "./scenarios/restarts.ts";
import { protections } from "./without.ts";

const ROOT = join(import.meta.dirname, "../..");

test.each(Object.entries(protections))(
  "%s can be taken out of the code as it is today",
  (_name, { removals }) => {
    for (const { file, find } of removals) {
      const places = readFileSync(join(ROOT, file), "utf8").split(find).length - 1;
      expect([file, find, places]).toEqual([file, find, 1]);
    }
  },
);

test("a scenario notices when its protection is off", { timeout: 60_000 }, async ({ signal }) => {
  const options = { seed: 1, scale: "short", signal, progress: () => {} } as const;
  const outcome = await runScenario(restarts, { ...options, without: "key-index" });
  expect(holds(outcome)).toBe(false);
  await rm(outcome.folder ?? "", { recursive: true });
});
