// `npm run faults`: runs the scenarios, prints a table and writes docs/FAULTS.md. docs/FAULTS.md says how to use it.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/errors.ts";
import { bite } from "./bite.ts";
import { missingOf } from "./needs.ts";
import { printTable, replayCommand, writeFigures } from "./report.ts";
import { holds, runScenario, type Outcome, type RunOptions } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { protections, type Protection } from "./without.ts";

const USAGE = `npm run faults -- [options]
  --only <text>          only the scenarios whose name or group contains this
  --seed <n>             the seed of a run that is to be repeated (default: a random one)
  --short                the scale of npm test instead of the full one
  --without <protection> with a protection switched off: ${Object.keys(protections).join(", ")}
  --bite                 with each protection (or the one of --without) switched off in turn: who notices?
  --list                 the names of the scenarios`;

const values = readOptions();

/** How often a line tells how far it is where there is no terminal, in milliseconds. */
const PROGRESS_INTERVAL = 60_000;

const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort());
process.once("SIGTERM", () => stopping.abort());

try {
  process.exitCode = await main();
} catch (error) {
  if (!stopping.signal.aborted) throw error;
  console.error("\nstopped");
  process.exitCode = 130;
}

async function main(): Promise<number> {
  const wanted = scenarios.filter(({ name, group }) => `${group}: ${name}`.includes(values.only ?? ""));
  if (values.help || wanted.length === 0) {
    console.error(values.help ? USAGE : `no scenario's name contains "${values.only}"`);
    return values.help ? 0 : 2;
  }
  if (values.list) {
    for (const { group, name } of wanted) console.log(`${group}: ${name}`);
    return 0;
  }
  const seed = values.seed === undefined ? randomInt(1, 1_000_000_000) : Number(values.seed);
  const without = protectionOf(values.without);
  if (!Number.isSafeInteger(seed) || without === null) {
    console.error(USAGE);
    return 2;
  }
  const scale = values.short ? "short" : "full";
  const options = { seed, scale, signal: stopping.signal } as const;
  if (values.bite) {
    const names = without === undefined ? (Object.keys(protections) as Protection[]) : [without];
    return (await bite(wanted, names, options, runAll)) ? 0 : 1;
  }

  const outcomes = await runAll(wanted, { ...options, ...(without === undefined ? {} : { without }) });
  printTable(outcomes);
  for (const outcome of outcomes) {
    if (!holds(outcome) && outcome.folder !== undefined) {
      console.log(`\n${outcome.scenario.name}: kept in ${outcome.folder}; once more with`);
      console.log(`  ${replayCommand(outcome.scenario, options, without)}`);
    }
  }
  return outcomes.every((outcome) => holds(outcome) || isSkippable(outcome)) ? 0 : 1;
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        only: { type: "string" },
        seed: { type: "string" },
        short: { type: "boolean", default: false },
        without: { type: "string" },
        bite: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    console.error(`${messageOf(error)}\n${USAGE}`);
    return process.exit(2);
  }
}

function protectionOf(name: string | undefined): Protection | undefined | null {
  if (name === undefined) return undefined;
  return name in protections ? (name as Protection) : null;
}

/** On a machine of one's own a scenario that can't run is said to be left out; in CI it has failed. */
function isSkippable({ result }: Outcome): boolean {
  return result.kind === "skipped" && process.env["CI"] !== "true";
}

async function runAll(
  wanted: readonly Scenario[],
  options: Omit<RunOptions, "progress">,
): Promise<readonly Outcome[]> {
  console.error(`${wanted.length} scenarios with seed ${options.seed}`);
  const outcomes: Outcome[] = [];
  for (const scenario of wanted) {
    const missing = missingOf(scenario.needs ?? [], { install: true });
    const outcome: Outcome =
      missing.length > 0
        ? { scenario, seconds: 0, result: { kind: "skipped", missing } }
        : await runScenario(scenario, { ...options, progress: showProgress(scenario) });
    console.error(`${process.stderr.isTTY ? "\r\u001B[K" : ""}${outcomeLine(outcome)}`);
    outcomes.push(outcome);
    const counts = options.scale === "full" && options.without === undefined;
    if (counts && missing.length === 0) await writeFigures(outcome, options.seed, scenarios);
  }
  return outcomes;
}

/** On a terminal always; in a file now and then. */
function showProgress({ name }: Scenario): (done: number, total: number) => void {
  if (process.stderr.isTTY) {
    return (done, total) => process.stderr.write(`\r\u001B[K  ${name}: ${done} of ${total}`);
  }
  let last = performance.now();
  return (done, total) => {
    if (performance.now() - last < PROGRESS_INTERVAL) return;
    last = performance.now();
    console.error(`  ${name}: ${done} of ${total}`);
  };
}

function outcomeLine(outcome: Outcome): string {
  const { scenario, result, seconds } = outcome;
  switch (result.kind) {
    case "skipped":
      return `- ${scenario.name}: left out, it needs ${result.missing.join(", ")}`;
    case "broke":
      return `✗ ${scenario.name}: ${result.reason}`;
    case "ran": {
      const lines = [
        `${holds(outcome) ? "✓" : "✗"} ${scenario.name}: ${result.figures.runs} runs, ${seconds.toFixed(0)} s`,
      ];
      return [...lines, ...result.figures.problems.map((problem) => `    ${problem}`)].join("\n");
    }
    default:
      return result satisfies never;
  }
}
