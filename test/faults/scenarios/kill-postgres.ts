import { setTimeout as sleep } from "node:timers/promises";
import { startPostgres, type PostgresServer } from "../../support/postgres-server.ts";
import type { FaultContext, Figures, Scenario } from "../scenario.ts";
import { storeServerRounds } from "../support/store-server-rounds.ts";

const ROUNDS = { short: 3, full: 60 };

export const killPostgres: Scenario = {
  group: "store",
  name: "kill -9 of Headrace and of PostgreSQL",
  what:
    "The store is a real PostgreSQL server. While six writers send, now Headrace is killed and started again, now all processes of PostgreSQL " +
    "are, and now the connections between the two are ended one by one.",
  needs: ["postgres"],
  async run(context) {
    const postgres = await startPostgres();
    try {
      return await killInTurns(context, postgres);
    } finally {
      await postgres.remove();
    }
  },
};

async function killInTurns(context: FaultContext, postgres: PostgresServer): Promise<Figures> {
  return storeServerRounds(context, {
    storeUrl: postgres.url(),
    rounds: ROUNDS[context.scale],
    lasts: { least: 200, span: 800 },
    events: { nul: false },
    async fault(round, random, restart) {
      if (round % 3 === 1) await restart();
      else if (round % 3 === 2) {
        await postgres.kill();
        await sleep(random.below(500));
        await postgres.start();
      } else await endConnections(postgres);
    },
  });
}

async function endConnections(postgres: PostgresServer): Promise<void> {
  for (let times = 0; times < 20; times++) {
    await postgres.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headrace'",
    );
  }
}
