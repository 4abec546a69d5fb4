import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
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
}

/** Starts `headrace start` from the checkout in a process of its own and resolves when it says that it is ready. */
export async function startServerProcess(options: {
  readonly project: string;
  readonly data: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: one that the system chooses. */
  readonly port?: number;
}): Promise<ServerProcess> {
  const child = spawn(
    join(ROOT, "bin/headrace"),
    ["start", "--project", options.project, "--port", String(options.port ?? 0), "--data", options.data],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...cleanEnvironment(), ...options.env } },
  );
  const lines: string[] = [];
  const url = await readyUrl(child, lines);
  return {
    url,
    pid: child.pid ?? 0,
    output: () => lines.join("\n"),
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
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
  child.on("exit", (code) =>
    reject(new Error(`ended with ${code} before it was ready:\n${lines.join("\n")}`)),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function cleanEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name, value]) => !name.startsWith("HEADRACE_") && value !== undefined,
    ),
  ) as Record<string, string>;
}
