import { until } from "../../support/until.ts";
import { killRounds } from "../kill-rounds.ts";
import type { Scenario } from "../scenario.ts";

const ROUNDS = { short: 5, full: 200 };
/** How long the slowest machine may take to answer so many batches, in milliseconds. */
const ANSWERS_DEADLINE = 60_000;

export const killAtRandom: Scenario = {
  group: "kill",
  name: "kill -9 at random moments",
  what:
    "Six writers send batches, with and without idempotency keys, good and bad events, and again whatever was not answered and may be " +
    "sent again, while the server is killed at a random moment and started again.",
  run: (context) =>
    killRounds(context, {
      rounds: ROUNDS[context.scale],
      moment: async (traffic, random) => {
        const enough = traffic.answered + 5 + random.below(145);
        await until(() => traffic.answered > enough, { timeout: ANSWERS_DEADLINE });
      },
    }),
};
