import { setTimeout as sleep } from "node:timers/promises";
import { startClickHouse, type ClickHouseServer, type Fault } from "../../support/clickhouse-server.ts";
import type { Random } from "../../support/random.ts";
import type { FaultContext, Figures, Scenario } from "../scenario.ts";
import { storeServerRounds } from "../support/store-server-rounds.ts";

const ROUNDS = { short: 4, full: 80 };
/** Milliseconds that an insert waits in the server: longer than Headrace takes to start. */
const LATE = 5_000;

export const killClickHouse: Scenario = {
  group: "store",
  name: "kill -9 of Headrace and of ClickHouse, and its answers lost",
  what:
    "The store is ClickHouse over HTTP: the embedded engine in a process of its own behind that protocol. While six writers send, now Headrace is " +
    "killed and started again, now the server is, now answers to inserts are dropped, garbled, or replaced by a proxy's, and now Headrace is killed " +
    "while an insert waits in the server that would commit after the next start.",
  async run(context) {
    const clickhouse = await startClickHouse();
    try {
      return await killInTurns(context, clickhouse);
    } finally {
      await clickhouse.remove();
    }
  },
};

async function killInTurns(context: FaultContext, clickhouse: ClickHouseServer): Promise<Figures> {
  const rounds = ROUNDS[context.scale];
  let faults = 0;
  const judged = await storeServerRounds(context, {
    storeUrl: clickhouse.url(),
    rounds,
    lasts: { least: 200, span: 600 },
    async fault(round, random, restart) {
      if (round % 4 === 1) {
        await clickhouse.fault({ kind: "slow", on: "insert", times: 3, delay: LATE });
        await sleep(300 + random.below(200));
        await restart();
      } else if (round % 4 === 2) {
        for (const fault of lost(random)) await clickhouse.fault(fault);
      } else if (round % 4 === 3) {
        faults += await clickhouse.faulted();
        await clickhouse.kill();
        await sleep(random.below(500));
        await clickhouse.start();
      } else {
        await restart();
      }
    },
  });
  faults += await clickhouse.faulted();
  const idle = faults < rounds / 4 ? [`only ${faults} answers were lost in ${rounds} rounds`] : [];
  return {
    ...judged,
    problems: [...judged.problems, ...idle],
    note: `${faults} answers to inserts were lost`,
  };
}

function lost(random: Random): Fault[] {
  const kinds = ["drop before", "drop after", "late", "busy", "garbage"] as const;
  return Array.from({ length: 4 }, (): Fault => {
    return {
      kind: kinds[random.below(kinds.length)] ?? "busy",
      on: "insert",
      times: 1,
      delay: 50 + random.below(500),
    };
  });
}
