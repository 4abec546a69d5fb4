import { describe, expect, test } from "vitest";
import { missingOf } from "./needs.ts";
import { replayCommand } from "./report.ts";
import { holds, runScenario } from "./run-scenario.ts";
import type { FaultGroup, Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

const SEED = Number(process.env["HEADRACE_TEST_SEED"] ?? 1);
const IS_CI = process.env["CI"] === "true";

/** Tests the short scale of `npm run faults`, which docs/FAULTS.md describes: the scenarios whose group is one of these. */
export function describeScenarios(...groups: readonly FaultGroup[]): void {
  describe.each(scenarios.filter(({ group }) => groups.includes(group)))("$group: $name", (scenario) => {
    testScenario(scenario);
  });
}

function testScenario(scenario: Scenario): void {
  const missing = missingOf(scenario.needs ?? [], { install: IS_CI });

  test.skipIf(missing.length > 0 && !IS_CI)(
    "nothing is lost, doubled, changed or torn",
    { timeout: 60_000 },
    async ({ signal }) => {
      expect(missing).toEqual([]);
      const options = { seed: SEED, scale: "short", signal, progress: () => {} } as const;
      const outcome = await runScenario(scenario, options);
      if (holds(outcome)) return;
      const { result, folder } = outcome;
      expect.fail(
        `${JSON.stringify(result, null, 2)}\n${replayCommand(scenario, options)}\nkept in ${folder}`,
      );
    },
  );
}
