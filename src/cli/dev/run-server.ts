import { spawn } from "node:child_process";
import { once } from "node:events";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { SECOND } from "../../units.ts";
import { printLine, type Io } from "../io.ts";
import { humanLogLine } from "./human-log.ts";
import { parseReady, type Ready } from "./parent.ts";

/** A server that hasn't stopped after this is killed; it stops by itself in 10 s. */
const STOP_DEADLINE = 12 * SECOND;

/** A server in a process of its own: the engine can be opened only once in a process. */
export interface RunningServer {
  /** Resolves with the exit code when it has ended: 0 when it was asked to. */
  readonly ended: Promise<number>;
  /** Asks it to stop and waits until it has. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

export function runServer(args: readonly string[], io: Io, onReady: (ready: Ready) => void): RunningServer {
  const child = spawn(process.execPath, [...process.execArgv, mainFile(), "start", ...args], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // Ctrl-C in the terminal goes to the whole group: the server is asked to stop by `stop` alone.
    detached: true,
  });
  forEachLine(child.stdout, (line) => printLine(io.stdout, humanLogLine(line, io.stdout)));
  forEachLine(child.stderr, (line) => {
    // The server says so to people who started it themselves; here `onReady` does.
    if (!line.startsWith("Headrace is ready")) printLine(io.stderr, line);
  });
  child.on("message", (message) => {
    const ready = parseReady(message);
    if (ready !== undefined) onReady(ready);
  });
  const ended = once(child, "close").then(([code]: unknown[]) => (typeof code === "number" ? code : 0));

  return {
    ended,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE);
      await ended;
      clearTimeout(timer);
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

/** The program's entry beside this code: TypeScript in a checkout, compiled in the package. */
function mainFile(): string {
  return join(import.meta.dirname, `../main${extname(import.meta.filename)}`);
}

function forEachLine(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on("line", onLine);
}
