import type { Command } from "commander";
import { loadConfig } from "../../config.ts";
import { HeadraceError } from "../../errors.ts";
import { nearestName } from "../../project/nearest-name.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, jsonOption, projectFolder, projectOption } from "../options.ts";

interface Options {
  readonly project: string;
  readonly data?: string;
  readonly allowPartial?: boolean;
  readonly json?: boolean;
}

export function registerRebuild(program: Command, io: Io): void {
  program
    .command("rebuild")
    .argument("<stream>", "the stream")
    .summary("make a stream's table anew, from the log")
    .description(
      "Makes a stream's table anew under the project's declaration, for changes that a start refuses: another orderBy, partitionBy or id, " +
        "narrower columns. Runs on a data folder whose server is stopped. The new table has the same events, read again from the log; what the log doesn't hold any more is " +
        "copied. Events that don't fit the declaration are kept as rejected. The new table takes the old one's place when it is complete; cut short, nothing is changed.",
    )
    .addOption(projectOption())
    .option("--data <dir>", "the data folder (HEADRACE_DATA)")
    .option("--allow-partial", "go on without rows that are older than the log and don't fit")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples("headrace rebuild flights", "headrace rebuild flights --data /var/lib/flights --json"),
    )
    .action((stream: string, options: Options) => rebuild(stream, options, io));
}

async function rebuild(name: string, options: Options, io: Io): Promise<void> {
  const folder = projectFolder(options.project);
  const config = loadConfig({
    projectFolder: folder,
    flags: options.data === undefined ? {} : { data: options.data },
  });
  const { loadProject } = await import("../../project/load-project.ts");
  const project = await loadProject(folder);
  const stream = project.streams.find((one) => one.name === name);
  if (stream === undefined) {
    const near = nearestName(
      name,
      project.streams.map((one) => one.name),
    );
    throw new HeadraceError(
      "unknown_stream",
      `${project.name} has no stream ${name}${near === undefined ? "" : `; did you mean ${near}?`}`,
    );
  }
  // The engine is loaded only by the commands that need it, and when the project is known to be good.
  const { rebuildStream } = await import("../../compose-offline.ts");
  const progress = (done: number, of: number): void => {
    if (io.stderr.isTTY === true) io.stderr.write(`\r${Math.floor((100 * done) / of)} % of the log`);
  };
  const outcome = await rebuildStream({
    stream,
    config,
    allowPartial: options.allowPartial === true,
    progress,
  });
  if (io.stderr.isTTY === true) io.stderr.write("\r\u001b[K");
  if (options.json === true) {
    const { fromLog, copied, rejected, lost, toLoad } = outcome;
    printLine(
      io.stdout,
      JSON.stringify({ stream: name, from_log: fromLog, copied, rejected, lost, to_load: toLoad }),
    );
    return;
  }
  const parts = [
    count(outcome.fromLog, "row") + " from the log",
    ...(outcome.copied > 0 ? [`${count(outcome.copied, "older row")} copied`] : []),
    ...(outcome.rejected > 0 ? [`${count(outcome.rejected, "event")} kept as rejected`] : []),
    ...(outcome.lost > 0 ? [`${count(outcome.lost, "older row")} left out`] : []),
    ...(outcome.toLoad > 0 ? [`${count(outcome.toLoad, "event")} to load at the next start`] : []),
  ];
  printLine(io.stdout, styled(io.stdout, "green", `${name} is made anew: ${parts.join(", ")}`));
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
