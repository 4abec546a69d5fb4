import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { machine } from "./machine.ts";
import { holds, type Outcome, type RunOptions } from "./run-scenario.ts";
import type { Figures, Scenario } from "./scenario.ts";
import { protections, type Protection } from "./without.ts";

const PAGE = join(import.meta.dirname, "../../docs/FAULTS.md");
const FIGURES = join(import.meta.dirname, "figures.json");
const BITES = join(import.meta.dirname, "bites.json");

/** What to type to see a scenario again. */
export function replayCommand(
  { name }: Scenario,
  { seed, scale }: Pick<RunOptions, "seed" | "scale">,
  without?: Protection,
): string {
  const flags = [`--only ${JSON.stringify(name)}`, `--seed ${seed}`];
  if (scale === "short") flags.push("--short");
  if (without !== undefined) flags.push(`--without ${without}`);
  return `npm run faults -- ${flags.join(" ")}`;
}

/** Prints the figures for people. */
export function printTable(outcomes: readonly Outcome[]): void {
  console.table(
    Object.fromEntries(
      outcomes.map((outcome) => {
        const { runs, events, lost, doubled, changed, torn } = figuresOf(outcome);
        const verdict = holds(outcome) ? "holds" : outcome.result.kind === "skipped" ? "left out" : "FAILED";
        return [outcome.scenario.name, { verdict, runs, events, lost, doubled, changed, torn }];
      }),
    ),
  );
}

function figuresOf({ result }: Outcome) {
  const none = { runs: 0, events: 0, lost: 0, doubled: 0, changed: 0, torn: 0, note: "" };
  return result.kind === "ran" ? { ...none, ...result.figures } : none;
}

/** A scenario's last run at full scale, as it is kept in figures.json. */
interface Kept {
  readonly name: string;
  readonly verdict: string;
  readonly figures: Omit<Figures, "problems">;
  readonly seed: number;
  /** ISO 8601. */
  readonly day: string;
  readonly seconds: number;
  readonly machine: string;
}

/** Keeps the figures of a run at full scale, and writes docs/FAULTS.md with them and those of the other scenarios' last runs. */
export async function writeFigures(outcome: Outcome, seed: number, all: readonly Scenario[]): Promise<void> {
  const { runs, events, lost, doubled, changed, torn, note } = figuresOf(outcome);
  const newest: Kept = {
    name: outcome.scenario.name,
    verdict: holds(outcome) ? "holds" : outcome.result.kind === "skipped" ? "left out" : "**fails**",
    figures: { runs, events, lost, doubled, changed, torn, note },
    seed,
    day: new Date().toISOString().slice(0, 10),
    seconds: Math.round(outcome.seconds),
    machine: machine(),
  };
  const names = all.map(({ name }) => name);
  await replaceSection("figures", figuresText(await keep(FIGURES, newest, names), all));
}

/** Puts it in the place of the one of the same name, and gives all that are kept, in the order of `names`. */
async function keep<Named extends { readonly name: string }>(
  path: string,
  newest: Named,
  names: readonly string[],
): Promise<readonly Named[]> {
  const before = existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as Named[]) : [];
  const kept = names.flatMap((name) =>
    name === newest.name ? [newest] : before.filter((one) => one.name === name),
  );
  const json = JSON.stringify(kept);
  await writeFile(path, await format(json, { ...(await resolveConfig(path)), parser: "json" }));
  return kept;
}

function figuresText(kept: readonly Kept[], all: readonly Scenario[]): string {
  const rows = all.map(({ group, name }) => {
    const one = kept.find((found) => found.name === name);
    if (one === undefined) return `| ${group} | ${name} | not run yet | | | | | | | | | |`;
    const { runs, events, lost, doubled, changed, torn, note = "" } = one.figures;
    const cells = [group, name, one.verdict, runs, events, lost, doubled, changed, torn];
    const shown = cells.map((cell) => (typeof cell === "number" ? count(cell) : cell));
    return `| ${[...shown, one.seed, one.day, note].join(" | ")} |`;
  });
  const minutes = kept.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return [
    `The last run of each scenario at full scale; ${minutes.toFixed(0)} minutes together.`,
    "",
    "| fault | scenario | | runs | events | lost | doubled | changed | torn | seed | day | |",
    "|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|---|",
    ...rows,
    "",
    "*Runs*: how often the fault was injected. *Events*: acknowledged, then looked for. *Lost*, *doubled*, *changed*: of these. *Torn*: batches without an answer that were there in part.",
    "",
    ...[...new Set(kept.map((one) => one.machine))].map((text) => `Run on: ${text}`),
    "",
    "### What each does",
    "",
    ...all.map(({ name, what }) => `- **${name}.** ${what}`),
  ].join("\n");
}

/** Which scenarios noticed that a protection was off, as it is kept in bites.json. */
interface Bite {
  readonly name: Protection;
  readonly caughtBy: readonly string[];
  /** Of the run in which they did. */
  readonly seed: number;
  /** ISO 8601. */
  readonly day: string;
}

/** Keeps who noticed, and writes docs/FAULTS.md with it and what came of the other protections. */
export async function writeBite(bite: Omit<Bite, "day">): Promise<void> {
  const newest: Bite = { ...bite, day: new Date().toISOString().slice(0, 10) };
  const names = Object.keys(protections) as Protection[];
  await replaceSection("bite", biteText(await keep(BITES, newest, names), names));
}

function biteText(bites: readonly Bite[], names: readonly Protection[]): string {
  const rows = names.map((name) => {
    const one = bites.find((found) => found.name === name);
    const cells = [`\`${name}\``, protections[name].what];
    if (one === undefined) return `| ${[...cells, "not run yet"].join(" | ")} | | |`;
    const caughtBy = one.caughtBy.length === 0 ? "**nobody**" : one.caughtBy.join("; ");
    return `| ${[...cells, caughtBy, one.seed, one.day].join(" | ")} |`;
  });
  return [
    "The scenarios of the faults that each protection is for, at their short scale.",
    "",
    "| off | the protection | caught by | seed | day |",
    "|---|---|---|--:|---|",
    ...rows,
  ].join("\n");
}

/** Puts a generated section between its two marks. */
export async function replaceSection(name: string, text: string): Promise<void> {
  if (!existsSync(PAGE)) throw new Error(`${PAGE} is missing: it holds the text around the figures`);
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${PAGE} has no section between ${begin} and ${end}`);
  const changed = `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
  await writeFile(PAGE, await format(changed, { ...(await resolveConfig(PAGE)), parser: "markdown" }));
}

const count = (value: number): string => value.toLocaleString("en-US");
