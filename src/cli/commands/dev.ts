import { statSync } from "node:fs";
import type { Command } from "commander";
import { loadClientConfig } from "../../config.ts";
import { HeadraceError } from "../../errors.ts";
import { watchProject } from "../dev/watch-project.ts";
import { runServer, type RunningServer } from "../dev/run-server.ts";
import type { Ready } from "../dev/parent.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, projectFolder, projectOption } from "../options.ts";

interface Options {
  readonly project: string;
  readonly port?: string;
  readonly data?: string;
}

export function registerDev(program: Command, io: Io): void {
  program
    .command("dev")
    .summary("run a project's server, and restart it when a file changes")
    .description(
      "Runs a project's server with a log for people, and restarts it when one of the project's .ts files or its .env changes. Its " +
        "data is kept. A project that can't be loaded is tried again at the next change.",
    )
    .addOption(projectOption())
    .option("--port <port>", "the port to listen on (HEADRACE_PORT)")
    .option("--data <dir>", "the data folder (HEADRACE_DATA)")
    .addHelpText("after", examples("headrace dev", "headrace dev --project examples/flights --port 8080"))
    .action((options: Options) => dev(options, io));
}

async function dev(options: Options, io: Io): Promise<void> {
  const folder = projectFolder(options.project);
  const args = ["--project", folder];
  if (options.port !== undefined) args.push("--port", options.port);
  if (options.data !== undefined) args.push("--data", options.data);

  if (!isFolder(folder)) {
    throw new HeadraceError("project_not_found", `There is no folder ${folder}`);
  }

  let server: RunningServer | undefined;
  const interrupt = listenForInterrupt(() => {
    server?.kill();
    process.exit(1);
  });
  let wake = Promise.withResolvers<void>();
  const stopWatching = await watchProject(folder, () => wake.resolve());
  interrupt.signal.addEventListener("abort", () => wake.resolve());
  try {
    while (!interrupt.signal.aborted) {
      server = runServer(args, io, (ready) => printReady(ready, io));
      void sayWhenFailed(server, io);
      await wake.promise;
      wake = Promise.withResolvers<void>();
      if (!interrupt.signal.aborted) printLine(io.stderr, note(io, "a file changed: restarting…"));
      await server.stop();
    }
  } finally {
    stopWatching();
    interrupt.dispose();
  }
}

/** Where nothing can be watched, no change would ever come. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

async function sayWhenFailed(server: RunningServer, io: Io): Promise<void> {
  if ((await server.ended) !== 0) printLine(io.stderr, note(io, "waiting for a change…"));
}

function printReady({ url, streams, endpoints }: Ready, io: Io): void {
  printLine(io.stdout, `${styled(io.stdout, "green", "ready")} at ${url}, described at ${url}/docs`);
  for (const stream of streams) printLine(io.stdout, `  stream    ${url}/v1/streams/${stream}`);
  for (const endpoint of endpoints) printLine(io.stdout, `  endpoint  ${url}/v1/endpoints/${endpoint}`);
  const [stream] = streams;
  const [endpoint] = endpoints;
  const server = url === loadClientConfig({}).url ? "" : `HEADRACE_URL=${url} `;
  if (stream !== undefined)
    printLine(io.stdout, `  try       ${server}npx headrace publish ${stream} events.ndjson`);
  if (endpoint !== undefined) printLine(io.stdout, `  try       curl -sS '${url}/v1/endpoints/${endpoint}'`);
}

function note(io: Io, text: string): string {
  return styled(io.stderr, "dim", text);
}
