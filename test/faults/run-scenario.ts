import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SECOND } from "../../src/units.ts";
import type { FaultContext, Figures, Scenario } from "./scenario.ts";
import { nodeOptionsWithout, type Protection } from "./without.ts";

/** What came of one scenario. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly seconds: number;
  readonly result:
    | { readonly kind: "ran"; readonly figures: Figures }
    | { readonly kind: "broke"; readonly reason: string }
    | { readonly kind: "skipped"; readonly missing: readonly string[] };
  /** Where everything of it still lies, when it did not hold. */
  readonly folder?: string;
}

/** Whether nothing was lost, doubled, changed or torn, and nothing else was wrong. */
export function holds({ result }: Outcome): boolean {
  if (result.kind !== "ran") return false;
  const { lost, doubled, changed, torn, problems } = result.figures;
  return lost === 0 && doubled === 0 && changed === 0 && torn === 0 && problems.length === 0;
}

export interface RunOptions extends Pick<FaultContext, "seed" | "scale" | "signal" | "progress"> {
  /** A protection that is switched off in the process and all that it starts. */
  readonly without?: Protection;
}

/** What goes to the process of a scenario, as its argument. */
export interface Assignment extends Pick<FaultContext, "seed" | "scale" | "folder"> {
  readonly name: string;
}

/** What comes from it. */
export type Message =
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly kind: "figures"; readonly figures: Figures };

/** How long a scenario may take to end what it started when it is told to stop, in milliseconds. */
const STOP_DEADLINE = 5 * SECOND;

/**
 * Runs a scenario in a process and a process group of its own: whatever it starts, and however it ends, nothing of it
 * is left running. Rejects only when the signal aborts.
 */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-faults-"));
  const { seed, scale } = options;
  const work = join(folder, "work");
  const began = performance.now();
  const output = openSync(join(folder, "output.txt"), "w");
  const child = spawn(
    process.execPath,
    [
      "--conditions=headrace-source",
      join(import.meta.dirname, "run-alone.ts"),
      JSON.stringify({ name: scenario.name, seed, scale, folder: work } satisfies Assignment),
    ],
    {
      stdio: ["ignore", output, output, "ipc"],
      detached: true,
      env: { ...process.env, ...nodeOptionsWithout(options.without), UV_THREADPOOL_SIZE: "16" },
    },
  );
  closeSync(output);
  const result = await attend(child, options, () => tail(join(folder, "output.txt")));
  const seconds = (performance.now() - began) / SECOND;
  const outcome: Outcome = { scenario, seconds, result, folder };
  if (options.signal.aborted || holds(outcome)) {
    await rm(folder, { recursive: true, force: true });
    options.signal.throwIfAborted();
    return { scenario, seconds, result };
  }
  return outcome;
}

async function attend(
  child: ChildProcess,
  { signal, progress }: RunOptions,
  lastWords: () => Promise<string>,
): Promise<Outcome["result"]> {
  let figures: Figures | undefined;
  child.on("message", (message: Message) => {
    if (message.kind === "figures") figures = message.figures;
    else progress(message.done, message.total);
  });
  const stop = (): void => {
    // Without its parent it stops by itself; what doesn't is ended.
    if (child.connected) child.disconnect();
    setTimeout(() => endGroup(child), STOP_DEADLINE).unref();
  };
  signal.addEventListener("abort", stop, { once: true });
  const [code, killedBy] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  signal.removeEventListener("abort", stop);
  endGroup(child);
  if (figures !== undefined && code === 0) return { kind: "ran", figures };
  return { kind: "broke", reason: `it ended with ${killedBy ?? code}: ${await lastWords()}` };
}

/** Ends whatever is left of the processes that the scenario started. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const LAST_WORDS_MAX = 4_000;

async function tail(path: string): Promise<string> {
  const text = await readFile(path, "utf8");
  return text.slice(-LAST_WORDS_MAX).trim();
}
