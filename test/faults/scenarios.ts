import type { Scenario } from "./scenario.ts";
import { earlierFormat } from "./scenarios/earlier-format.ts";
import { killAtRandom } from "./scenarios/kill-at-random.ts";
import { killEngine } from "./scenarios/kill-engine.ts";
import { killPostgres } from "./scenarios/kill-postgres.ts";
import { killSweep } from "./scenarios/kill-sweep.ts";
import { frozen, twoAtOnce } from "./scenarios/one-owner.ts";
import { restarts } from "./scenarios/restarts.ts";
import { stopUnderLoad } from "./scenarios/stop-under-load.ts";

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  killAtRandom,
  killSweep,
  killEngine,
  stopUnderLoad,
  restarts,
  earlierFormat,
  twoAtOnce,
  frozen,
  killPostgres,
];
