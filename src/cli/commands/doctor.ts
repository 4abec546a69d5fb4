import type { Command } from "commander";
import type { ConfigSources } from "../../config.ts";
import { HeadraceError } from "../../errors.ts";
import { SECTIONS, type Examination, type Finding } from "../doctor/finding.ts";
import { plural } from "../doctor/show.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, jsonOption, projectFolder, projectOption } from "../options.ts";

interface Options {
  readonly project: string;
  readonly data?: string;
  readonly salvage?: boolean;
  readonly json?: boolean;
}

export function registerDoctor(program: Command, io: Io): void {
  program
    .command("doctor")
    .summary("look at the machine, the settings and the data folder")
    .description(
      "Looks at what a server needs: the machine, its limits, settings and project, the data folder, its disk and log, the clock, " +
        "and whether a server runs. Says of each what it means and what to do. Changes nothing by itself; to measure the disk it writes a small " +
        "file and removes it. While no server has the data folder every record of the log is read. Exits with 1 when there is a problem; warnings " +
        "don't count. With --salvage, on a data folder whose server is stopped: makes a healthy log of all that is whole in each damaged one, puts " +
        "damaged ledgers aside, and says exactly what could not be saved. The damaged files are kept beside the new ones.",
    )
    .addOption(projectOption())
    .option("--data <dir>", "the data folder (HEADRACE_DATA)")
    .option("--salvage", "save what is whole of damaged logs and ledgers")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace doctor",
        "headrace doctor --project examples/flights --data /var/lib/flights",
        "headrace doctor --salvage",
        "headrace doctor --json | jq '.checks[] | select(.state != \"ok\")'",
      ),
    )
    .action((options: Options) => doctor(options, io));
}

async function doctor(options: Options, io: Io): Promise<void> {
  if (options.salvage === true) {
    const { salvage } = await import("../doctor/salvage.ts");
    return salvage(sourcesOf(options), io, options.json === true);
  }
  const { examine } = await import("../doctor/examine.ts");
  const examination = await examine(sourcesOf(options));
  if (options.json === true) printLine(io.stdout, JSON.stringify(examination));
  else printExamination(examination, io);
  if (!examination.ok) {
    throw new HeadraceError(
      "doctor_found_problems",
      `there ${examination.problems === 1 ? "is" : "are"} ${plural(examination.problems, "problem")}`,
    );
  }
}

function sourcesOf({ project, data }: Options): ConfigSources {
  return { projectFolder: projectFolder(project), flags: data === undefined ? {} : { data } };
}

const STATE_STYLES = { ok: "green", warning: "yellow", problem: "red" } as const;
const STATE_WIDTH = Math.max(...Object.keys(STATE_STYLES).map(({ length }) => length));

function printExamination({ ok, warnings, checks }: Examination, io: Io): void {
  for (const section of SECTIONS) {
    const findings = checks.filter(({ check }) => check.startsWith(`${section}.`));
    if (findings.length > 0) printLine(io.stdout, styled(io.stdout, "bold", section));
    for (const finding of findings) printFinding(finding, io);
  }
  printLine(io.stdout);
  if (ok)
    printLine(io.stdout, warnings === 0 ? "All is well." : `No problems, ${plural(warnings, "warning")}.`);
}

function printFinding({ state, found, meaning, advice }: Finding, io: Io): void {
  const indent = " ".repeat(STATE_WIDTH + 4);
  const label = styled(io.stdout, STATE_STYLES[state], state.padEnd(STATE_WIDTH));
  printLine(io.stdout, `  ${label}  ${printable(found)}`);
  if (meaning !== undefined) printLine(io.stdout, indent + styled(io.stdout, "dim", meaning));
  if (advice !== undefined) printLine(io.stdout, `${indent}→ ${advice}`);
}

/** Some of it comes from files and from whoever answers at HEADRACE_URL: it must not move the cursor. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, " ");
}
