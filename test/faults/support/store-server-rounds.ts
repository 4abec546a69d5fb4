import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventMakerOptions } from "../../guarantees/oracle.ts";
import { Traffic } from "../../guarantees/traffic.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { judge } from "../judge.ts";
import { PROJECT } from "../kill-rounds.ts";
import type { FaultContext, Figures } from "../scenario.ts";

const WRITERS = 6;

export interface StoreServerRounds {
  /** For HEADRACE_STORE_URL. */
  readonly storeUrl: string;
  readonly rounds: number;
  /** Milliseconds that a round lasts before its fault: from `least` on, and less than `span` longer. */
  readonly lasts: { readonly least: number; readonly span: number };
  readonly events?: EventMakerOptions;
  /** What is done in a round; the first is 1. `restart` kills Headrace and starts it again. */
  fault(round: number, random: Random, restart: () => Promise<void>): Promise<void>;
}

/** Six writers send to Headrace over a store that is a server, while faults come in turn; then all is judged. */
export async function storeServerRounds(
  { seed, folder, progress, signal }: FaultContext,
  turns: StoreServerRounds,
): Promise<Figures> {
  const { storeUrl, rounds, lasts, events } = turns;
  const random = seededRandom(seed);
  const start = {
    project: PROJECT,
    data: join(folder, "data"),
    env: { HEADRACE_STORE_URL: storeUrl, HEADRACE_LOG_LEVEL: "fatal" },
  };
  const traffic = new Traffic(random, events);
  let server = await startServerProcess(start);
  traffic.aim(server.url);
  const restart = async (): Promise<void> => {
    traffic.lift();
    await server.stop("SIGKILL");
    server = await startServerProcess(start);
    traffic.aim(server.url);
  };
  const writers = Array.from({ length: WRITERS }, (_, writer) => traffic.write(writer));
  for (let round = 1; round <= rounds; round++) {
    signal.throwIfAborted();
    await sleep(lasts.least + random.below(lasts.span));
    await turns.fault(round, random, restart);
    progress(round, rounds);
  }
  traffic.stop();
  await Promise.all(writers);
  const judged = await judge(server.url, traffic.batches);
  await server.stop("SIGTERM");
  return { ...judged, runs: rounds };
}
