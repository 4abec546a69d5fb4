import type { Scenario } from "./scenario.ts";
import { clockJumps } from "./scenarios/clock-jumps.ts";
import { killAtRandom } from "./scenarios/kill-at-random.ts";
import { storeKilledInserts } from "./scenarios/store-killed-inserts.ts";
import { storeWrongAnswers } from "./scenarios/store-wrong-answers.ts";

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [killAtRandom, storeKilledInserts, storeWrongAnswers, clockJumps];
