import { rm } from "node:fs/promises";
import { writeBite } from "./report.ts";
import { holds, type Outcome, type RunOptions } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { protections, type Protection, type ProtectionOff } from "./without.ts";

/** Which scenarios noticed that a protection was off. */
export interface Bite {
  readonly protection: Protection;
  readonly caughtBy: readonly Outcome[];
}

type RunAll = (
  wanted: readonly Scenario[],
  options: Omit<RunOptions, "progress">,
) => Promise<readonly Outcome[]>;

/** A few places and seeds of many may miss what a protection is for: so many are tried until somebody notices. */
const TRIES = 8;

/**
 * Switches each protection off in turn and runs the scenarios of the faults that it is for, at their short scale, with
 * another seed as long as none notices; resolves with whether each was missed by somebody.
 */
export async function bite(
  wanted: readonly Scenario[],
  names: readonly Protection[],
  options: Pick<RunOptions, "seed" | "signal">,
  runAll: RunAll,
): Promise<boolean> {
  const bites: Bite[] = [];
  for (const protection of names) {
    const { what, groups }: ProtectionOff = protections[protection];
    console.error(`\nwithout ${protection}: ${what}`);
    const mine = wanted.filter(({ group }) => groups?.includes(group) ?? true);
    let caughtBy: readonly Outcome[] = [];
    for (let seed = options.seed; seed < options.seed + TRIES && caughtBy.length === 0; seed++) {
      const outcomes = await runAll(mine, { ...options, seed, scale: "short", without: protection });
      caughtBy = outcomes.filter((outcome) => outcome.result.kind !== "skipped" && !holds(outcome));
      for (const { folder } of caughtBy) await rm(folder ?? "", { recursive: true, force: true });
    }
    bites.push({ protection, caughtBy });
  }
  for (const { protection, caughtBy } of bites) {
    const caught = caughtBy.map(({ scenario }) => scenario.name).join("; ");
    console.log(`without ${protection}: ${caught === "" ? "nobody noticed" : `caught by ${caught}`}`);
  }
  if (names.length === Object.keys(protections).length) await writeBite(bites, options.seed);
  return bites.every(({ caughtBy }) => caughtBy.length > 0);
}
