import { killRounds, randomMoment } from "../kill-rounds.ts";
import type { Scenario } from "../scenario.ts";

const ROUNDS = { short: 5, full: 200 };

export const killAtRandom: Scenario = {
  group: "kill",
  name: "kill -9 at random moments",
  what:
    "Six writers send batches, with and without idempotency keys, good and bad events, and again whatever was not answered and may be " +
    "sent again, while the server is killed at a random moment and started again.",
  run: (context) => killRounds(context, { rounds: ROUNDS[context.scale], moment: randomMoment }),
};
