import { join } from "node:path";
import { EventMaker } from "../../guarantees/oracle.ts";
import {
  GOOD_ENDS,
  writeUntilStopped,
  type WrittenUntilStopped,
} from "../../guarantees/write-until-stopped.ts";
import { seededRandom } from "../../support/random.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { judge } from "../judge.ts";
import { PROJECT } from "../kill-rounds.ts";
import type { Scenario } from "../scenario.ts";

const ROUNDS = { short: 2, full: 50 };
const WRITERS = 6;
const SENT_DEADLINE = 60_000;

export const stopUnderLoad: Scenario = {
  group: "stop and start",
  name: "SIGTERM under load",
  what:
    "Six writers send without a pause while the server gets SIGTERM: every request that was taken is answered, those that were refused " +
    "left nothing, and the server ends with exit code 0.",
  async run({ seed, scale, folder, progress, signal }) {
    const rounds = ROUNDS[scale];
    const random = seededRandom(seed);
    const data = join(folder, "data");
    const traffic: WrittenUntilStopped = { maker: new EventMaker(random), sent: [] };
    const { sent } = traffic;
    const problems: string[] = [];
    for (let round = 1; round <= rounds; round++) {
      signal.throwIfAborted();
      const server = await startServerProcess({ project: PROJECT, data });
      const enough = sent.length + 20 + random.below(200);
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        writeUntilStopped(server.url, `writer-${writer}`, traffic),
      );
      await until(() => sent.length > enough, { timeout: SENT_DEADLINE });
      const code = await server.stop("SIGTERM");
      if (code !== 0) problems.push(`round ${round}: the server ended with ${code}`);
      for (const end of await Promise.all(writers)) {
        if (!GOOD_ENDS.includes(end)) problems.push(`round ${round}: a connection ended with ${end}`);
      }
      progress(round, rounds);
    }
    const server = await startServerProcess({ project: PROJECT, data });
    const judged = await judge(server.url, sent);
    await server.stop("SIGKILL");
    return { ...judged, runs: rounds, problems: [...problems, ...judged.problems] };
  },
};
