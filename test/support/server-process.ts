import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "../..");
const START_DEADLINE = 60_000;

export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  /** Sends a signal and resolves with the exit code (null when the signal ended it). */
  stop(signal: NodeJS.Signals): Promise<number | null>;
  /** What it has written so far, for messages. */
  output(): string;
  /** Resolves when it has ended, however that came. */
  readonly ended: Promise<unknown>;
}

/** The server ended before it was ready, with this exit code or, without one, by a signal. */
export class EndedEarly extends Error {
  readonly code: number | null;

  constructor(code: number | null, output: string) {
    super(`ended with ${code} before it was ready:\n${output}`);
    this.code = code;
  }
}

/** Starts `headrace start` from the checkout in a process of its own and resolves when it says that it is ready. */
export async function startServerProcess(options: {
  readonly project: string;
  readonly data: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: one that the system chooses. */
  readonly port?: number;
  /** A program, with its arguments, that runs the server, such as strace. Signals go to the server all the same. */
  readonly under?: readonly string[];
}): Promise<ServerProcess> {
  const { project, port = 0, data, under = [] } = options;
  const start = [join(ROOT, "bin/headrace"), "start", "--project", project];
  const command: readonly string[] = [...under, ...start, "--port", String(port), "--data", data];
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...cleanEnvironment(), ...options.env },
  });
  const ended = once(child, "exit");
  const lines: string[] = [];
  const url = await readyUrl(child, lines);
  const pid = under.length === 0 ? (child.pid ?? 0) : await holderOf(data);
  return {
    url,
    pid,
    ended,
    output: () => lines.join("\n"),
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      signalProcess(pid, signal);
      await ended;
      return child.exitCode;
    },
  };
}

async function readyUrl(child: ChildProcess, lines: string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => reject(new Error(`not ready in time:\n${lines.join("\n")}`)),
    START_DEADLINE,
  );
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      const url = /ready.*?(http:\/\/127\.0\.0\.1:\d+)/i.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  }
  child.on("error", reject);
  child.on("exit", (code) => reject(new EndedEarly(code, lines.join("\n"))));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** One that has just ended is as good as told. */
function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** The process that holds a data folder. */
async function holderOf(data: string): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(data, "lock.json"), "utf8")) as { pid: number };
  return pid;
}

function cleanEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name, value]) => !name.startsWith("HEADRACE_") && value !== undefined,
    ),
  ) as Record<string, string>;
}
