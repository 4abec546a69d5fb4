import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MINUTE, SECOND } from "../src/units.ts";

const ROOT = join(import.meta.dirname, "..");
const READY_DEADLINE = 2 * MINUTE;
/** How long a process may take to stop before it is killed. */
const STOP_DEADLINE = 15 * SECOND;
/** No line fits. */
const NEVER = /(?!)/;
/** Lines of a process's output that are kept for messages. */
const LINES_KEPT = 30;

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves with the match of the first line that fits; rejects when the process ends before. */
  readonly ready: Promise<RegExpExecArray>;
  stop(): Promise<void>;
  /** The same at once. */
  kill(): Promise<void>;
  /** What it wrote last, for messages. */
  output(): string;
}

export interface ChildOptions extends Pick<SpawnOptions, "uid" | "gid" | "cwd"> {
  readonly env?: Readonly<Record<string, string>>;
  /** What it says when it is ready. */
  readonly ready: RegExp;
  readonly ipc?: boolean;
  /** What makes it stop. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** What ends it at once, with its children. Default SIGKILL. */
  readonly killSignal?: NodeJS.Signals;
}

/** Where a run happens: its folder and its processes. Both are gone when it is disposed of, also after Ctrl-C. */
export class Workshop implements AsyncDisposable {
  readonly #children = new Set<Child>();
  readonly #folder: string;
  #folders = 0;
  #closed = false;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `parent` is where the folder is made: the disk that is measured. Default: the system's. */
  static async open(parent = process.env["BENCH_FOLDER"] ?? tmpdir()): Promise<Workshop> {
    return new Workshop(await mkdtemp(join(parent, "headrace-bench-")));
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Lets other users through to folders of theirs: PostgreSQL won't run as root. */
  letIn(): Promise<void> {
    return chmod(this.#folder, 0o711);
  }

  /** An empty folder, gone at the end of the `await using` that it stands in. */
  async folder(name: string): Promise<AsyncDisposable & { readonly path: string }> {
    const path = this.path(`${name}-${++this.#folders}`);
    await mkdir(path);
    return {
      path,
      [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
    };
  }

  /** Starts one of the bench's own scripts. */
  script(file: string, args: readonly string[], options: ChildOptions): Child {
    return this.start(
      process.execPath,
      ["--conditions=headrace-source", join(import.meta.dirname, file), ...args],
      options,
    );
  }

  /** Starts Headrace as a user would. */
  headrace(args: readonly string[], env: Readonly<Record<string, string>>): Child {
    return this.start(join(ROOT, "bin/headrace"), args, {
      env,
      ready: /"url":"http:\/\/127\.0\.0\.1:(\d+)"/,
    });
  }

  /** Runs a program to its end and resolves with what it wrote to its standard output. */
  async run(command: string, args: readonly string[], options: Omit<ChildOptions, "ready"> = {}) {
    const child = this.start(command, args, { ...options, ready: NEVER });
    let text = "";
    child.process.stdout?.on("data", (chunk) => (text += String(chunk)));
    const [code] = (await once(child.process, "close")) as [number | null];
    if (code !== 0) throw new Error(`${command} ended with ${code}:\n${child.output()}`);
    return text;
  }

  start(command: string, args: readonly string[], options: ChildOptions): Child {
    if (this.#closed) throw new Error("the run is over");
    const { env, ready, ipc, stopSignal = "SIGTERM", killSignal = "SIGKILL", ...rest } = options;
    const started = spawn(command, args, {
      ...rest,
      env: { ...cleanEnvironment(), ...env },
      // A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
      detached: true,
      // JSON would make null of NaN.
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", ...(ipc === true ? (["ipc"] as const) : [])],
    });
    const child = watch(started, ready, { stop: stopSignal, kill: killSignal });
    this.#children.add(child);
    started.once("exit", () => this.#children.delete(child));
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#children].map((child) => child.kill()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function watch(child: ChildProcess, wanted: RegExp, signals: Signals): Child {
  const lines: string[] = [];
  const ready = Promise.withResolvers<RegExpExecArray>();
  // Not everybody waits for it.
  ready.promise.catch(() => {});
  const output = (): string => lines.join("\n");
  const timer = setTimeout(
    () => ready.reject(new Error(`${child.spawnfile} isn't ready in time:\n${output()}`)),
    READY_DEADLINE,
  );
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.shift();
      const match = wanted.exec(line);
      if (match !== null) ready.resolve(match);
    });
  }
  child.once("error", ready.reject);
  const exited = once(child, "exit").catch(() => undefined);
  child.once("exit", (code) => {
    ready.reject(new Error(`${child.spawnfile} ended with ${code}:\n${output()}`));
  });
  void ready.promise.finally(() => clearTimeout(timer)).catch(() => {});
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill(signal);
    const last = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE);
    await exited;
    clearTimeout(last);
  };
  return {
    process: child,
    pid: child.pid ?? 0,
    ready: ready.promise,
    output,
    stop: () => end(signals.stop),
    kill: () => end(signals.kill),
  };
}

interface Signals {
  readonly stop: NodeJS.Signals;
  readonly kill: NodeJS.Signals;
}

/** A run must not depend on the settings of the shell that started it. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HEADRACE_|PG|NODE_OPTIONS)/.test(name)),
  );
}
