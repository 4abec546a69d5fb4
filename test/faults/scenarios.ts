import type { Scenario } from "./scenario.ts";
import { killAtRandom } from "./scenarios/kill-at-random.ts";

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [killAtRandom];
