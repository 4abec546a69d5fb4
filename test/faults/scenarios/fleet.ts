import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FleetClients } from "../../roles/clients.ts";
import { LEASE_TTL, startFleet, type Fleet, type FleetMember } from "../../roles/fleet.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { startPostgres } from "../../support/postgres-server.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { judge } from "../judge.ts";
import type { FaultContext, Figures, Scenario } from "../scenario.ts";

const PROJECT = join(import.meta.dirname, "../../roles/project");
const WRITERS = 4;
const ROUNDS = { restarts: { short: 1, full: 10 }, kills: { short: 2, full: 40 } };
const NEEDS = ["postgres", "nats"] as const;
const MADE_OF = "two processes each of ingest, load and serve, on a real nats-server and a real PostgreSQL";

export const rollingRestart: Scenario = {
  group: "stop and start",
  name: "a rolling restart of every process",
  what:
    `${MADE_OF}. While clients send and ask, each process is stopped and started again, one after the other. No client may be left ` +
    "without an answer when it tries another process.",
  needs: NEEDS,
  run: (context) =>
    withFleet(context, async (fleet) => {
      const rounds = ROUNDS.restarts[context.scale];
      for (let round = 1; round <= rounds; round++) {
        for (const member of fleet.members) {
          context.signal.throwIfAborted();
          const code = await member.stop("SIGTERM");
          if (code !== 0) throw new Error(`${member.name} ended with ${code}:\n${member.process?.output()}`);
          await member.start();
        }
        context.progress(round, rounds);
      }
      return rounds * fleet.members.length;
    }),
};

export const lostLoaders: Scenario = {
  group: "kill",
  name: "loaders that die, and loaders that wake up late",
  what:
    `${MADE_OF}. While clients send, now a process that loads is killed, and its partitions go to the other one, now one is frozen ` +
    "(SIGSTOP) for longer than its leases last, and goes on as if nothing had been.",
  needs: NEEDS,
  run: (context) =>
    withFleet(context, async (fleet, random) => {
      const rounds = ROUNDS.kills[context.scale];
      const loaders = fleet.of("load");
      for (let round = 1; round <= rounds; round++) {
        context.signal.throwIfAborted();
        await sleep(200 + random.below(500));
        const member = loaders[random.below(loaders.length)];
        if (member === undefined) throw new Error("a fleet has loaders");
        if (round % 2 === 1) await freeze(member, random);
        else {
          await member.stop("SIGKILL");
          await member.start();
        }
        context.progress(round, rounds);
      }
      return rounds;
    }),
};

/** For longer than its leases last: others have gone on by then. */
async function freeze({ process: running }: FleetMember, random: Random): Promise<void> {
  if (running === undefined) throw new Error("what isn't running can't be frozen");
  process.kill(running.pid, "SIGSTOP");
  await sleep(LEASE_TTL * 1.5 + random.below(LEASE_TTL));
  process.kill(running.pid, "SIGCONT");
}

/** Where each process stands, when they don't come to rest. */
async function stateOf({ members }: Fleet): Promise<string> {
  const states = members.map(async ({ name, url, process: running }) => {
    const ready = await fetch(`${url}/readyz`).then((response) => response.text(), String);
    const output = running?.output().split("\n").slice(-20).join("\n");
    return `${name}: ${ready}\n${output}`;
  });
  return (await Promise.all(states)).join("\n\n");
}

/** `work` gives how often a fault was injected. */
async function withFleet(
  { folder, seed }: FaultContext,
  work: (fleet: Fleet, random: Random) => Promise<number>,
): Promise<Figures> {
  await using opened = new AsyncDisposableStack();
  const [nats, postgres] = await Promise.all([
    startNatsServer(),
    startPostgres({ settings: ["fsync = off"] }),
  ]);
  opened.defer(() => nats.remove());
  opened.defer(() => postgres.remove());
  const fleet = await startFleet({ project: PROJECT, folder, nats, postgres });
  opened.defer(() => fleet.close());
  const random = seededRandom(seed);
  const clients = new FleetClients(random);
  const running = [
    ...Array.from({ length: WRITERS }, (_, writer) => clients.write(fleet.of("ingest"), writer)),
    clients.read(fleet.of("serve")),
  ];
  let runs: number;
  try {
    runs = await work(fleet, random);
  } finally {
    clients.stop();
    await Promise.all(running);
  }
  const [serve] = fleet.of("serve");
  const { problems, ...judged } = await judge(serve?.url ?? "", clients.batches).catch(
    async (error: unknown) => {
      throw new Error(await stateOf(fleet), { cause: error });
    },
  );
  return {
    ...judged,
    runs,
    problems: [...clients.failed, ...problems],
    note: `${clients.answers} answers of endpoints meanwhile; with all its tries a request took ${(clients.longest / 1_000).toFixed(1)} s at most`,
  };
}
