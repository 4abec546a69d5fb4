import { diskErrors, slowDisk } from "./scenarios/disk-errors.ts";
import { diskFull } from "./scenarios/disk-full.ts";
import type { Scenario } from "./scenario.ts";
import { killAtRandom } from "./scenarios/kill-at-random.ts";
import { salvagedPath } from "./scenarios/salvage-path.ts";
import { storeVanishes } from "./scenarios/store-vanishes.ts";
import { logDamage, salvagedLog } from "./scenarios/log-damage.ts";
import { powerLossOfTheLog, powerLossOfThePath } from "./scenarios/power-loss.ts";

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  killAtRandom,
  powerLossOfTheLog,
  powerLossOfThePath,
  storeVanishes,
  diskErrors,
  slowDisk,
  diskFull,
  logDamage,
  salvagedLog,
  salvagedPath,
];
