import { join } from "node:path";
import { Traffic } from "../guarantees/traffic.ts";
import { seededRandom, type Random } from "../support/random.ts";
import { startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { checkCounters } from "./counters.ts";
import { judge } from "./judge.ts";
import type { FaultContext, Figures } from "./scenario.ts";

/** A project of a stream without ids and one with, and endpoints that give back every row. */
export const PROJECT = join(import.meta.dirname, "../guarantees/kill-project");
const WRITERS = 6;

export interface KillRounds {
  readonly rounds: number;
  /** A program that runs each server that is to be killed. */
  readonly under?: readonly string[];
  /** Resolves when the moment to kill has come. */
  readonly moment: (traffic: Traffic, random: Random) => Promise<void>;
}

/** How long the slowest machine may take to answer so many batches, in milliseconds. */
const ANSWERS_DEADLINE = 60_000;

/** After any number of answers. */
export async function randomMoment(traffic: Traffic, random: Random): Promise<void> {
  const enough = traffic.answered + 5 + random.below(145);
  await until(() => traffic.answered > enough, { timeout: ANSWERS_DEADLINE });
}

/** Kills a server under load, starts the next on its folder, and so on; compares everything at the end. */
export async function killRounds(
  { seed, folder, progress, signal }: FaultContext,
  { rounds, moment, under = [] }: KillRounds,
): Promise<Figures> {
  const random = seededRandom(seed);
  const data = join(folder, "data");
  const traffic = new Traffic(random);
  let server = await startServerProcess({ project: PROJECT, data, under });
  traffic.aim(server.url);
  const writers = Array.from({ length: WRITERS }, (_, writer) => traffic.write(writer));
  let slowest = 0;
  for (let round = 1; round <= rounds; round++) {
    signal.throwIfAborted();
    await moment(traffic, random);
    traffic.lift();
    await server.stop("SIGKILL");
    const began = performance.now();
    server = await startServerProcess({ project: PROJECT, data, ...(round < rounds ? { under } : {}) });
    slowest = Math.max(slowest, performance.now() - began);
    traffic.aim(server.url);
    progress(round, rounds);
  }
  traffic.stop();
  await Promise.all(writers);
  const counters = await checkCounters(server.url, traffic.maker, traffic.batches);
  const judged = await judge(server.url, traffic.batches);
  await server.stop("SIGTERM");
  const unanswered = traffic.batches.filter(({ outcome }) => outcome === "unanswered").length;
  // It would prove nothing if the kills had hit an idle server.
  const idle =
    unanswered < rounds / 2 ? [`only ${unanswered} batches were in flight at ${rounds} kills`] : [];
  return {
    ...judged,
    runs: rounds,
    problems: [...counters, ...judged.problems, ...idle],
    note: `the slowest start took ${(slowest / 1000).toFixed(1)} s`,
  };
}
