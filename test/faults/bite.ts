import { writeBite } from "./report.ts";
import { holds, type Outcome, type RunOptions } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { protections, type Protection } from "./without.ts";

/** Which scenarios noticed that a protection was off. */
export interface Bite {
  readonly protection: Protection;
  readonly caughtBy: readonly Outcome[];
}

type RunAll = (
  wanted: readonly Scenario[],
  options: Omit<RunOptions, "progress">,
) => Promise<readonly Outcome[]>;

/** Switches each protection off in turn and runs the scenarios; resolves with whether each was missed by somebody. */
export async function bite(
  wanted: readonly Scenario[],
  options: Omit<RunOptions, "progress" | "without">,
  runAll: RunAll,
): Promise<boolean> {
  const bites: Bite[] = [];
  for (const protection of Object.keys(protections) as Protection[]) {
    console.error(`\nwithout ${protection}: ${protections[protection].what}`);
    const outcomes = await runAll(wanted, { ...options, without: protection });
    const caughtBy = outcomes.filter((outcome) => outcome.result.kind !== "skipped" && !holds(outcome));
    bites.push({ protection, caughtBy });
  }
  for (const { protection, caughtBy } of bites) {
    const names = caughtBy.map(({ scenario }) => scenario.name).join("; ");
    console.log(`without ${protection}: ${names === "" ? "nobody noticed" : `caught by ${names}`}`);
  }
  await writeBite(bites, options);
  return bites.every(({ caughtBy }) => caughtBy.length > 0);
}
