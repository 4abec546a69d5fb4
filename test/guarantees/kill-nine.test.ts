import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MINUTE } from "../../src/units.ts";
import { killRounds, randomMoment } from "../faults/kill-rounds.ts";

const ROUNDS = 50;
/** Each round is a start, some load and a kill: a second or two, and more on a busy machine. */
const TIME_MAX = 10 * MINUTE;

test(
  `a server that is killed ${ROUNDS} times under load keeps all that it acknowledged, once and as it was sent`,
  { timeout: TIME_MAX },
  async ({ signal }) => {
    const folder = await mkdtemp(join(tmpdir(), "headrace-kill-"));
    const seed = Number(process.env["HEADRACE_TEST_SEED"] ?? Date.now() % 2 ** 31);
    try {
      const context = { seed, scale: "full", folder, progress: () => {}, signal } as const;
      const { runs, lost, doubled, changed, torn, problems } = await killRounds(context, {
        rounds: ROUNDS,
        moment: randomMoment,
      });
      expect({ runs, lost, doubled, changed, torn, problems }, `HEADRACE_TEST_SEED=${seed}`).toEqual({
        runs: ROUNDS,
        lost: 0,
        doubled: 0,
        changed: 0,
        torn: 0,
        problems: [],
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
