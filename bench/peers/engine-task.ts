import type { Workshop } from "../workshop.ts";

/** What the engine's process is told to do. */
export type EngineTask =
  | { readonly kind: "insert"; readonly folder: string; readonly file: string; readonly rows: number }
  | {
      readonly kind: "query";
      readonly folder: string;
      readonly queries: readonly string[];
      /** So many of them at first don't count. */
      readonly warmup: number;
    };

export interface EngineAnswer {
  readonly seconds: number;
  readonly cpu: number;
  /** Milliseconds, of queries. */
  readonly latency?: { readonly p50: number; readonly p99: number };
}

export async function runEngine(workshop: Workshop, task: EngineTask): Promise<EngineAnswer> {
  const child = workshop.script("peers/engine.ts", [], { ready: /^ready$/, ipc: true });
  try {
    await child.ready;
    const { promise, resolve, reject } = Promise.withResolvers<EngineAnswer>();
    child.process.once("message", (answer) => resolve(answer as EngineAnswer));
    child.process.once("exit", () => reject(new Error(`the engine ended:\n${child.output()}`)));
    child.process.send(task);
    return await promise;
  } finally {
    await child.stop();
  }
}
