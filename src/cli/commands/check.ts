import { resolve } from "node:path";
import type { Command } from "commander";
import { loadConfig, loadStoreUrl } from "../../config.ts";
import { HeadraceError } from "../../errors.ts";
import type { Project } from "../../project/declarations.ts";
import type { ProjectReport, StreamReport } from "../check/check-project.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, jsonOption, projectFolder, projectOption } from "../options.ts";
import { formatTable } from "../table.ts";

interface Options {
  readonly project: string;
  readonly against?: string;
  readonly json?: boolean;
}

export function registerCheck(program: Command, io: Io): void {
  program
    .command("check")
    .summary("verify a project without a server")
    .description(
      "Loads the project, creates its tables in a temporary store and verifies the SQL and the result types of every endpoint: " +
        "without its optional parameters, with each of them and with all. Touches no data. " +
        "The store is of the engine that HEADRACE_STORE_URL names; on PostgreSQL it is a schema of its own that is dropped again. " +
        "With --against it tells instead what a start would do with the tables of a data folder whose server is stopped, and does nothing of it.",
    )
    .addOption(projectOption())
    .option("--against <dir>", "tell what a start on this data folder would change, or refuse")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace check",
        "headrace check --project examples/flights --json",
        "headrace check --against .headrace",
      ),
    )
    .action((options: Options) => check(options, io));
}

async function check(options: Options, io: Io): Promise<void> {
  const { loadProject } = await import("../../project/load-project.ts");
  const project = await loadProject(projectFolder(options.project));
  if (options.against !== undefined) return checkAgainst(project, options.against, options, io);
  // The engine is loaded only by the commands that need it, and when the project is known to be good.
  const { checkProject } = await import("../check/check-project.ts");
  const report = await checkProject(project, loadStoreUrl({ projectFolder: projectFolder(options.project) }));
  if (options.json === true) printLine(io.stdout, JSON.stringify(report));
  else printReport(report, io);
  if (report.ok) return;
  const failed = [...report.streams, ...report.endpoints].filter(({ ok }) => !ok).map(({ name }) => name);
  throw new HeadraceError(
    "check_failed",
    `${failed.join(", ")} ${failed.length === 1 ? "doesn't" : "don't"} pass`,
  );
}

/** What `--against --json` prints. */
export interface PlanReport {
  readonly project: string;
  /** Absolute. */
  readonly data: string;
  readonly ok: boolean;
  readonly changes: readonly string[];
  readonly refused: readonly string[];
}

async function checkAgainst(project: Project, against: string, options: Options, io: Io): Promise<void> {
  const data = resolve(against);
  const config = loadConfig({ projectFolder: projectFolder(options.project), flags: { data } });
  const { planStart } = await import("../../compose-offline.ts");
  const { changes, refused } = await planStart(project, config);
  const report: PlanReport = { project: project.name, data, ok: refused.length === 0, changes, refused };
  if (options.json === true) printLine(io.stdout, JSON.stringify(report));
  else {
    printLine(
      io.stdout,
      changes.length === 0 ? `A start on ${data} would change no table` : `A start on ${data} would do this:`,
    );
    for (const change of changes) printLine(io.stdout, `  ${change}`);
    for (const one of refused) printLine(io.stdout, styled(io.stdout, "red", `  refused: ${one}`));
  }
  if (refused.length === 0) return;
  throw new HeadraceError(
    "check_failed",
    `A start on ${data} is refused: ${refused.length} of the changes can't be followed`,
  );
}

function printReport(report: ProjectReport, io: Io): void {
  printSection("stream", report.streams, io);
  printSection("endpoint", report.endpoints, io);
  if (report.ok) {
    printLine(
      io.stdout,
      styled(
        io.stdout,
        "green",
        `${report.project} is fine: ${count(report.streams, "stream")}, ${count(report.endpoints, "endpoint")}`,
      ),
    );
  }
}

/** A table with a line for each column, and below it what is wrong and what is worth knowing. */
function printSection(kind: string, parts: readonly StreamReport[], io: Io): void {
  if (parts.length === 0) return;
  const rows = parts.flatMap(({ name, ok, columns }) => {
    const lines = columns.map((column, index) => [index === 0 ? name : "", column.name, column.type]);
    return lines.length > 0 ? lines : [[name, "", ok ? "" : "failed"]];
  });
  const [header, ...lines] = formatTable([{ name: kind }, { name: "column" }, { name: "type" }], rows);
  printLine(io.stdout, styled(io.stdout, "bold", header ?? ""));
  for (const line of lines) printLine(io.stdout, line);
  for (const { name, problems, notes } of parts) {
    for (const problem of problems)
      printLine(io.stdout, styled(io.stdout, "red", `${kind} ${name}: ${problem}`));
    for (const text of notes) printLine(io.stdout, styled(io.stdout, "yellow", `note: ${name}: ${text}`));
  }
  printLine(io.stdout);
}

function count(parts: readonly unknown[], noun: string): string {
  return `${parts.length} ${noun}${parts.length === 1 ? "" : "s"}`;
}
