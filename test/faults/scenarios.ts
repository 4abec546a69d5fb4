import type { Scenario } from "./scenario.ts";
import { clientsOnce } from "./scenarios/clients-once.ts";
import { clockJumps } from "./scenarios/clock-jumps.ts";
import { diskErrors, slowDisk } from "./scenarios/disk-errors.ts";
import { diskFull } from "./scenarios/disk-full.ts";
import { earlierFormat } from "./scenarios/earlier-format.ts";
import { flood } from "./scenarios/flood.ts";
import { killAtRandom } from "./scenarios/kill-at-random.ts";
import { killClickHouse } from "./scenarios/kill-clickhouse.ts";
import { killEngine } from "./scenarios/kill-engine.ts";
import { killPostgres } from "./scenarios/kill-postgres.ts";
import { killSweep } from "./scenarios/kill-sweep.ts";
import { manyIds } from "./scenarios/many-ids.ts";
import { natsFreeze, natsKills, natsSplit } from "./scenarios/nats-cluster.ts";
import { logDamage, salvagedLog } from "./scenarios/log-damage.ts";
import { frozen, twoAtOnce } from "./scenarios/one-owner.ts";
import { powerLossOfTheLog, powerLossOfThePath } from "./scenarios/power-loss.ts";
import { restarts } from "./scenarios/restarts.ts";
import { salvagedPath } from "./scenarios/salvage-path.ts";
import { stopUnderLoad } from "./scenarios/stop-under-load.ts";
import { storeKilledInserts } from "./scenarios/store-killed-inserts.ts";
import { storeRefuses } from "./scenarios/store-refuses.ts";
import { storeWrongAnswers } from "./scenarios/store-wrong-answers.ts";
import { storeVanishes } from "./scenarios/store-vanishes.ts";

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  killAtRandom,
  killSweep,
  killEngine,
  powerLossOfTheLog,
  powerLossOfThePath,
  storeVanishes,
  diskErrors,
  slowDisk,
  diskFull,
  logDamage,
  salvagedLog,
  salvagedPath,
  stopUnderLoad,
  restarts,
  earlierFormat,
  twoAtOnce,
  frozen,
  storeKilledInserts,
  storeWrongAnswers,
  storeRefuses,
  clientsOnce,
  flood,
  clockJumps,
  manyIds,
  killPostgres,
  natsKills,
  natsFreeze,
  natsSplit,
  killClickHouse,
];
