import type { Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { connect } from "../client.ts";
import { printLine, type Io } from "../io.ts";
import { examples, jsonOption, projectOption } from "../options.ts";

interface Options {
  readonly project: string;
  readonly data?: string;
  readonly offline?: boolean;
  readonly dryRun?: boolean;
  readonly cancel?: boolean;
  readonly allowPartial?: boolean;
  readonly json?: boolean;
}

export function registerRebuild(program: Command, io: Io): void {
  program
    .command("rebuild")
    .argument("<stream>", "the stream")
    .summary("make a stream's table anew, from the log")
    .description(
      "Makes a stream's table anew under its declaration. The running server does it while it takes events and answers queries; a server that " +
        "doesn't start because the declaration has changed (another orderBy, partitionBy or id, narrower columns) needs --offline, which works on the data folder itself. " +
        "The new table has the same events, read again from the log; what the log doesn't hold any more is copied. What was erased stays erased. Events that don't fit the " +
        "declaration are kept as rejected. The new table takes the old one's place when it is complete; cut short, nothing is changed.",
    )
    .option("--dry-run", "only say what would be done")
    .option("--allow-partial", "go on without rows that are older than the log and don't fit")
    .option("--cancel", "stop the rebuild that runs")
    .option("--offline", "work on the data folder of a server that is stopped")
    .addOption(projectOption())
    .option("--data <dir>", "with --offline, the data folder (HEADRACE_DATA)")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace rebuild flights --dry-run",
        "headrace rebuild flights",
        "headrace rebuild flights --offline --data /var/lib/flights --json",
      ),
    )
    .action((stream: string, options: Options) => rebuild(stream, options, io));
}

async function rebuild(stream: string, options: Options, io: Io): Promise<void> {
  const { data, offline = false, dryRun = false, cancel = false } = options;
  const common = { stream, allowPartial: options.allowPartial === true, json: options.json === true };
  if (offline || data !== undefined) {
    if (dryRun || cancel) {
      throw new HeadraceError(
        "usage",
        "--dry-run and --cancel are for a running server; `headrace check --against` shows a start's plan",
      );
    }
    const { rebuildOffline } = await import("../rebuild/rebuild-offline.ts");
    return rebuildOffline({ ...common, project: options.project, data }, io);
  }
  const client = connect(io);
  const online = await import("../rebuild/rebuild-online.ts");
  try {
    if (cancel) return await online.cancelOnline(client, common, io);
    if (dryRun) return await online.planOnline(client, common, io);
    return await online.rebuildOnline(client, common, io);
  } catch (error) {
    if (error instanceof HeadraceError && error.code === "server_unreachable") {
      printLine(io.stderr, "A server that is stopped, or that refuses to start, needs --offline.");
    }
    throw error;
  }
}
