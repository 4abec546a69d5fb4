import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Traffic } from "../../guarantees/traffic.ts";
import { startPostgres, type PostgresServer } from "../../support/postgres-server.ts";
import { seededRandom } from "../../support/random.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { judge } from "../judge.ts";
import { PROJECT } from "../kill-rounds.ts";
import type { FaultContext, Figures, Scenario } from "../scenario.ts";

const WRITERS = 6;
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

async function killInTurns(
  { seed, scale, folder, progress, signal }: FaultContext,
  postgres: PostgresServer,
): Promise<Figures> {
  const random = seededRandom(seed);
  const rounds = ROUNDS[scale];
  const start = {
    project: PROJECT,
    data: join(folder, "data"),
    env: { HEADRACE_STORE_URL: postgres.url(), HEADRACE_LOG_LEVEL: "fatal" },
  };
  const traffic = new Traffic(random, { nul: false });
  let server = await startServerProcess(start);
  traffic.aim(server.url);
  const writers = Array.from({ length: WRITERS }, (_, writer) => traffic.write(writer));
  for (let round = 1; round <= rounds; round++) {
    signal.throwIfAborted();
    await sleep(200 + random.below(800));
    if (round % 3 === 1) {
      traffic.lift();
      await server.stop("SIGKILL");
      server = await startServerProcess(start);
      traffic.aim(server.url);
    } else if (round % 3 === 2) {
      await postgres.kill();
      await sleep(random.below(500));
      await postgres.start();
    } else {
      await endConnections(postgres);
    }
    progress(round, rounds);
  }
  traffic.stop();
  await Promise.all(writers);
  const judged = await judge(server.url, traffic.batches);
  await server.stop("SIGTERM");
  return { ...judged, runs: rounds };
}

async function endConnections(postgres: PostgresServer): Promise<void> {
  for (let times = 0; times < 20; times++) {
    await postgres.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headrace'",
    );
  }
}
