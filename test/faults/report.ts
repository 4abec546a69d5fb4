import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import type { Bite } from "./bite.ts";
import { machine } from "./machine.ts";
import { holds, type Outcome, type RunOptions } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { protections, type Protection } from "./without.ts";

const PAGE = join(import.meta.dirname, "../../docs/FAULTS.md");

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

/** Writes the figures of a whole run into docs/FAULTS.md. */
export async function writeFigures(outcomes: readonly Outcome[], seed: number): Promise<void> {
  const minutes = outcomes.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  const rows = outcomes.map((outcome) => {
    const { runs, events, lost, doubled, changed, torn, note } = figuresOf(outcome);
    const verdict = holds(outcome) ? "holds" : outcome.result.kind === "skipped" ? "left out" : "**fails**";
    const { group, name } = outcome.scenario;
    const cells = [group, name, verdict, runs, events, lost, doubled, changed, torn, note];
    return `| ${cells.map((cell) => (typeof cell === "number" ? count(cell) : cell)).join(" | ")} |`;
  });
  const text = [
    `Seed ${seed}, ${new Date().toISOString().slice(0, 10)}, ${minutes.toFixed(0)} minutes. ${machine()}`,
    "",
    "| fault | scenario | | runs | events | lost | doubled | changed | torn | |",
    "|---|---|---|--:|--:|--:|--:|--:|--:|---|",
    ...rows,
    "",
    "*Runs*: how often the fault was injected. *Events*: acknowledged, then looked for. *Lost*, *doubled*, *changed*: of these. *Torn*: batches without an answer that were there in part.",
    "",
    "### What each does",
    "",
    ...outcomes.map(({ scenario }) => `- **${scenario.name}.** ${scenario.what}`),
  ];
  await replaceSection("figures", text.join("\n"));
}

/** Writes which scenario caught which protection's absence into docs/FAULTS.md. */
export async function writeBite(bites: readonly Bite[], seed: number): Promise<void> {
  const rows = bites.map(({ protection, caughtBy }) => {
    const names = caughtBy.map(({ scenario }) => scenario.name).join("; ");
    return `| \`${protection}\` | ${protections[protection].what} | ${names === "" ? "**nobody**" : names} |`;
  });
  const text = [
    `Seed ${seed}, the scenarios at their short scale.`,
    "",
    "| off | the protection | caught by |",
    "|---|---|---|",
    ...rows,
  ];
  await replaceSection("bite", text.join("\n"));
}

/** Puts a generated section between its two marks. */
async function replaceSection(name: string, text: string): Promise<void> {
  if (!existsSync(PAGE)) throw new Error(`${PAGE} is missing: it holds the text around the figures`);
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${PAGE} has no section between ${begin} and ${end}`);
  const changed = `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
  await writeFile(PAGE, await format(changed, { ...(await resolveConfig(PAGE)), parser: "markdown" }));
}

const count = (value: number): string => value.toLocaleString("en-US");
