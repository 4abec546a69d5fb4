import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../support/until.ts";
import { killRounds } from "../kill-rounds.ts";
import type { Scenario } from "../scenario.ts";
import { delaying } from "../strace.ts";

const ROUNDS = { short: 2, full: 60 };
/** Inserts take about so long under the delays, in milliseconds: a kill hits any moment of one. */
const INSERT_TIME = 600;
const ANSWERS_DEADLINE = 60_000;

export const killEngine: Scenario = {
  group: "kill",
  name: "kill -9 while the engine's writes and renames are slow",
  what:
    "The same, but strace holds up every rename by 30 ms, every sync, removal and new folder by 5 ms and every write by 0.5 ms, so that " +
    "most kills hit the engine between two steps of putting a part of a table in place.",
  needs: ["strace"],
  run: (context) =>
    killRounds(context, {
      rounds: ROUNDS[context.scale],
      under: delaying(),
      moment: async (traffic, random) => {
        const enough = traffic.answered + 5;
        await until(() => traffic.answered > enough, { timeout: ANSWERS_DEADLINE });
        await sleep(random.below(INSERT_TIME));
      },
    }),
};
