import type { Command } from "commander";
import { loadConfig } from "../../config.ts";
import { SECOND } from "../../units.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { printLine, type Io } from "../io.ts";
import { examples, jsonOption, projectFolder, projectOption } from "../options.ts";
import type { Readiness } from "../../http/health.ts";
import { tellParent } from "../dev/parent.ts";

/**
 * A stop that takes longer than this is cut short: what is in the log by then is loaded at the next start. The promise
 * is 10 s, and the end of a process with the engine in it takes a moment too.
 */
const STOP_DEADLINE = 9 * SECOND;

interface Options {
  readonly project: string;
  readonly host?: string;
  readonly port?: string;
  readonly data?: string;
  readonly logLevel?: string;
  readonly json?: boolean;
}

export function registerStart(program: Command, io: Io): void {
  program
    .command("start")
    .summary("run a project's server")
    .description(
      "Runs a project's server until SIGTERM or Ctrl-C. It then answers what is in flight and stops within 10 s; a second " +
        "signal stops it at once. Its log goes to standard output, one JSON object a line.",
    )
    .addOption(projectOption())
    .option("--host <address>", "the address to listen on (HEADRACE_HOST)")
    .option("--port <port>", "the port to listen on, 0 for any (HEADRACE_PORT)")
    .option("--data <dir>", "the data folder (HEADRACE_DATA)")
    .option("--log-level <level>", "how much the log says (HEADRACE_LOG_LEVEL)")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace start",
        "headrace start --project examples/flights --port 8080 --data /var/lib/flights",
      ),
    )
    .action((options: Options) => start(options, io));
}

async function start(options: Options, io: Io): Promise<void> {
  const folder = projectFolder(options.project);
  const { host, port, data, logLevel } = options;
  const flags = Object.entries({ host, port, data, logLevel }).filter(([, value]) => value !== undefined);
  const config = loadConfig({ projectFolder: folder, flags: Object.fromEntries(flags) });

  const interrupt = listenForInterrupt();
  try {
    const { loadProject } = await import("../../project/load-project.ts");
    const project = await loadProject(folder);
    // The engine is loaded only by the commands that need it, and when the project is known to be good.
    const { startServer } = await import("../../compose.ts");
    const server = await startServer({ project, config });
    const readiness = await Promise.race([server.ready, aborted(interrupt.signal)]);
    if (readiness === undefined) return await stop(server, io);
    const { url } = server;
    if (options.json === true) printLine(io.stderr, JSON.stringify({ url, ready: readiness.ready }));
    else if (readiness.ready) printLine(io.stderr, `Headrace is ready at ${url}`);
    else
      printLine(io.stderr, `Headrace isn't ready: ${reasonsOf(readiness).join("; ")}. It answers at ${url}`);
    const parentGone = tellParent({
      url: server.url,
      streams: project.streams.map(({ name }) => name),
      endpoints: project.endpoints.map(({ name }) => name),
    });
    await Promise.race([aborted(interrupt.signal), parentGone]);
    await stop(server, io);
  } finally {
    interrupt.dispose();
  }
}

/** Why work can't be taken, by stream. */
function reasonsOf({ streams }: Readiness): string[] {
  return Object.entries(streams)
    .filter(([, { ready }]) => !ready)
    .map(([name, { load, log }]) => {
      const reason = load.reason ?? log.find(({ writable }) => !writable)?.reason;
      return `stream ${name}: ${reason ?? `loading is ${load.state}`}`;
    });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}

async function stop(server: { close(): Promise<void> }, io: Io): Promise<void> {
  const deadline = setTimeout(() => {
    printLine(io.stderr, "error: the server didn't stop in time and is ended now");
    process.exit(1);
  }, STOP_DEADLINE);
  try {
    await server.close();
  } finally {
    clearTimeout(deadline);
  }
}
