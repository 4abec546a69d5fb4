import { join } from "node:path";
import { Traffic } from "../../guarantees/traffic.ts";
import { seededRandom } from "../../support/random.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { judge } from "../judge.ts";
import type { Scenario } from "../scenario.ts";

const ROUNDS = { short: 4, full: 200 };
const WRITERS = 6;
const PROJECT = join(import.meta.dirname, "../../guarantees/kill-project");

export const killAtRandom: Scenario = {
  group: "kill",
  name: "kill -9 at random moments",
  what:
    "Six writers send batches, with and without idempotency keys, good and bad events, with repeats of whatever was " +
    "not answered, while the server is killed at a random moment and started again. At the end everything is compared.",
  async run({ seed, scale, folder, progress, signal }) {
    const random = seededRandom(seed);
    const rounds = ROUNDS[scale];
    const data = join(folder, "data");
    const traffic = new Traffic(random);
    let server = await startServerProcess({ project: PROJECT, data });
    traffic.aim(server.url);
    const writers = Array.from({ length: WRITERS }, (_, writer) => traffic.write(writer));
    let slowest = 0;
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      const enough = traffic.answered + 5 + random.below(145);
      await until(() => traffic.answered > enough, { timeout: 60_000 });
      traffic.lift();
      await server.stop("SIGKILL");
      const began = performance.now();
      server = await startServerProcess({ project: PROJECT, data });
      slowest = Math.max(slowest, performance.now() - began);
      traffic.aim(server.url);
      progress(round + 1, rounds);
    }
    traffic.stop();
    await Promise.all(writers);
    const judged = await judge(server.url, traffic.batches);
    await server.stop("SIGTERM");
    const unanswered = traffic.batches.filter(({ outcome }) => outcome === "unanswered").length;
    return {
      ...judged,
      runs: rounds,
      problems: [
        ...judged.problems,
        // It would prove nothing if the kills had hit an idle server.
        ...(unanswered < rounds / 2 ? [`only ${unanswered} batches were in flight at ${rounds} kills`] : []),
      ],
      note: `${unanswered} batches were in flight; the slowest start took ${(slowest / 1000).toFixed(1)} s`,
    };
  },
};
