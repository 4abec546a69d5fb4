import { join } from "node:path";
import { EventMaker, send, withoutBad, type SentBatch } from "../../guarantees/oracle.ts";
import { seededRandom } from "../../support/random.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { checkCounters } from "../counters.ts";
import { judge } from "../judge.ts";
import { PROJECT } from "../kill-rounds.ts";
import type { Scenario } from "../scenario.ts";

const STARTS = { short: 3, full: 100 };

export const restarts: Scenario = {
  group: "stop and start",
  name: "one start after the other",
  what:
    "The server is started, takes a few batches, some of which it sees once more after the next start, and is stopped at once with SIGTERM, " +
    "before or after they are loaded.",
  async run({ seed, scale, folder, progress, signal }) {
    const starts = STARTS[scale];
    const random = seededRandom(seed);
    const maker = new EventMaker(random);
    const data = join(folder, "data");
    const sent: SentBatch[] = [];
    const problems: string[] = [];
    let again: readonly SentBatch[] = [];
    const times: number[] = [];
    for (let start = 1; start <= starts; start++) {
      signal.throwIfAborted();
      const began = performance.now();
      const server = await startServerProcess({ project: PROJECT, data });
      times.push(performance.now() - began);
      for (const batch of again) await send(server.url, batch);
      again = [maker.batch("plain", "keyed", true), withoutBad(maker.batch("unique", "ids", false))];
      sent.push(...again, maker.batch("plain", "without a key", false));
      const query = random.chance(0.5) ? "?wait=stored" : "";
      for (const batch of sent.slice(-3)) await send(server.url, batch, query);
      const code = await server.stop("SIGTERM");
      if (code !== 0) problems.push(`stop ${start}: exit code ${code}`);
      progress(start, starts);
    }
    for (const { outcome } of sent) {
      if (typeof outcome !== "number" || outcome >= 300)
        problems.push(`a batch had ${outcome} for its answer`);
    }
    const server = await startServerProcess({ project: PROJECT, data });
    problems.push(...(await checkCounters(server.url, maker, sent)));
    const judged = await judge(server.url, sent);
    await server.stop("SIGKILL");
    return {
      ...judged,
      runs: starts,
      problems: [...problems, ...judged.problems],
      note: `the first start took ${inSeconds(times[0])}, the last ${inSeconds(times.at(-1))}`,
    };
  },
};

const inSeconds = (time = 0): string => `${(time / 1000).toFixed(1)} s`;
