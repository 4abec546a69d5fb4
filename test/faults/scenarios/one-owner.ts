import { join } from "node:path";
import { EventMaker, send, type SentBatch } from "../../guarantees/oracle.ts";
import { seededRandom } from "../../support/random.ts";
import { EndedEarly, startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { judge } from "../judge.ts";
import { PROJECT } from "../kill-rounds.ts";
import type { Scenario } from "../scenario.ts";

const ROUNDS = { short: 1, full: 20 };

export const twoAtOnce: Scenario = {
  group: "stop and start",
  name: "two servers on one data folder at once",
  what:
    "Two servers are started on one folder in the same instant: one gets it, the other ends with exit code 1 and says which process has it, " +
    "and the first doesn't notice.",
  async run({ seed, scale, folder, progress, signal }) {
    const rounds = ROUNDS[scale];
    const maker = new EventMaker(seededRandom(seed));
    const data = join(folder, "data");
    const sent: SentBatch[] = [];
    const problems: string[] = [];
    for (let round = 1; round <= rounds; round++) {
      signal.throwIfAborted();
      const started = await Promise.allSettled([tryStart(data), tryStart(data)]);
      const winners = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const losers = started.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
      if (winners.length !== 1) problems.push(`round ${round}: ${winners.length} servers got the folder`);
      for (const loser of losers) problems.push(...refusalProblems(loser, winners[0]?.pid));
      for (const { url } of winners) {
        const batch = maker.batch("plain", "writer", false);
        sent.push(batch);
        await send(url, batch, "?wait=stored");
      }
      for (const winner of winners) await winner.stop("SIGTERM");
      progress(round, rounds);
    }
    const server = await tryStart(data);
    const judged = await judge(server.url, sent);
    await server.stop("SIGKILL");
    return { ...judged, runs: rounds, problems: [...problems, ...judged.problems] };
  },
};

export const frozen: Scenario = {
  group: "stop and start",
  name: "a frozen server that wakes",
  what:
    "The server is frozen with SIGSTOP under load and another is started on its folder: on one machine that one must be refused as long as the " +
    "frozen one lives, since the lock is the kernel's and ends with the process. Woken with SIGCONT it goes on as if nothing had been; " +
    "killed while it is frozen, it makes room for the next.",
  async run(context) {
    const rounds = ROUNDS[context.scale];
    const maker = new EventMaker(seededRandom(context.seed));
    const data = join(context.folder, "data");
    const sent: SentBatch[] = [];
    const problems: string[] = [];
    for (let round = 1; round <= rounds; round++) {
      context.signal.throwIfAborted();
      problems.push(...(await freeze(data, maker, sent)));
      context.progress(round, rounds);
    }
    const server = await tryStart(data);
    const judged = await judge(server.url, sent);
    await server.stop("SIGKILL");
    return { ...judged, runs: rounds * 2, problems: [...problems, ...judged.problems] };
  },
};

/** Freezes and wakes a server, then freezes and kills it; what was wrong. */
async function freeze(data: string, maker: EventMaker, sent: SentBatch[]): Promise<string[]> {
  const server = await tryStart(data);
  const problems: string[] = [];
  const next = (): SentBatch => {
    const batch = maker.batch("plain", "writer", false);
    sent.push(batch);
    return batch;
  };
  await send(server.url, next());
  process.kill(server.pid, "SIGSTOP");
  const inFlight = send(server.url, next());
  problems.push(...(await expectRefusal(data, server.pid)));
  process.kill(server.pid, "SIGCONT");
  await inFlight;
  await send(server.url, next(), "?wait=stored");
  for (const { outcome } of sent.slice(-3)) {
    if (typeof outcome !== "number" || outcome >= 300) problems.push(`after waking a batch had ${outcome}`);
  }
  process.kill(server.pid, "SIGSTOP");
  const lost = send(server.url, next());
  problems.push(...(await expectRefusal(data, server.pid)));
  await server.stop("SIGKILL");
  await lost;
  return problems;
}

async function expectRefusal(data: string, owner: number): Promise<string[]> {
  try {
    const other = await tryStart(data);
    await other.stop("SIGKILL");
    return ["a second server got the folder of a frozen one"];
  } catch (error) {
    return refusalProblems(error, owner);
  }
}

function tryStart(data: string): Promise<ServerProcess> {
  return startServerProcess({ project: PROJECT, data });
}

/** What is wrong with how a server was refused: it must say who has the folder. */
function refusalProblems(error: unknown, owner: number | undefined): string[] {
  if (!(error instanceof EndedEarly)) throw error;
  const isClear = error.code === 1 && error.message.includes(`is in use by the process ${owner}`);
  return isClear ? [] : [`refused without saying that ${owner} has the folder: ${error.message}`];
}
