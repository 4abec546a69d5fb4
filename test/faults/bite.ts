import { rm } from "node:fs/promises";
import { writeBite } from "./report.ts";
import { holds, type Outcome, type RunOptions } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { protections, type Protection, type ProtectionOff } from "./without.ts";

type RunAll = (
  wanted: readonly Scenario[],
  options: Omit<RunOptions, "progress">,
) => Promise<readonly Outcome[]>;

/** A few places and seeds of many may miss what a protection is for: so many are tried until somebody notices. */
const TRIES = 8;

/**
 * Switches each protection off in turn and runs the scenarios of the faults that it is for, at their short scale, with
 * another seed as long as none notices; resolves with whether each was missed by somebody. What came of a protection is kept at once.
 */
export async function bite(
  wanted: readonly Scenario[],
  names: readonly Protection[],
  options: Pick<RunOptions, "seed" | "signal">,
  runAll: RunAll,
): Promise<boolean> {
  const missed: Protection[] = [];
  for (const protection of names) {
    const { what, groups }: ProtectionOff = protections[protection];
    console.error(`\nwithout ${protection}: ${what}`);
    const all = scenarios.filter(({ group }) => groups?.includes(group) ?? true);
    const mine = all.filter((scenario) => wanted.includes(scenario));
    let caughtBy: readonly Outcome[] = [];
    let { seed } = options;
    for (; seed < options.seed + TRIES && caughtBy.length === 0; seed++) {
      const outcomes = await runAll(mine, { ...options, seed, scale: "short", without: protection });
      caughtBy = outcomes.filter((outcome) => outcome.result.kind !== "skipped" && !holds(outcome));
      for (const { folder } of caughtBy) await rm(folder ?? "", { recursive: true, force: true });
    }
    const caught = caughtBy.map(({ scenario }) => scenario.name);
    console.log(
      `without ${protection}: ${caught.length === 0 ? "nobody noticed" : `caught by ${caught.join("; ")}`}`,
    );
    if (caught.length === 0) missed.push(protection);
    // Of some scenarios only it says nothing of the suite.
    if (mine.length === all.length) await writeBite({ name: protection, caughtBy: caught, seed: seed - 1 });
  }
  return missed.length === 0;
}
