import type { Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import type { ProjectReport, StreamReport } from "../check/check-project.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, jsonOption, projectFolder, projectOption } from "../options.ts";
import { formatTable } from "../table.ts";

interface Options {
  readonly project: string;
  readonly json?: boolean;
}

export function registerCheck(program: Command, io: Io): void {
  program
    .command("check")
    .summary("verify a project without a server")
    .description(
      "Loads the project, creates its tables in a temporary store and verifies the SQL and the result types of every endpoint: " +
        "without its optional parameters, with each of them and with all. Touches no data.",
    )
    .addOption(projectOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("headrace check", "headrace check --project examples/flights --json"))
    .action((options: Options) => check(options, io));
}

async function check(options: Options, io: Io): Promise<void> {
  const { loadProject } = await import("../../project/load-project.ts");
  const project = await loadProject(projectFolder(options.project));
  // The engine is loaded only by the commands that need it, and when the project is known to be good.
  const { checkProject } = await import("../check/check-project.ts");
  const report = await checkProject(project);
  if (options.json === true) printLine(io.stdout, JSON.stringify(report));
  else printReport(report, io);
  if (report.ok) return;
  const failed = [...report.streams, ...report.endpoints].filter(({ ok }) => !ok).map(({ name }) => name);
  throw new HeadraceError(
    "check_failed",
    `${failed.join(", ")} ${failed.length === 1 ? "doesn't" : "don't"} pass`,
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
