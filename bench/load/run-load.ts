import { cpuSeconds } from "../measure/process-tree.ts";
import type { Workshop } from "../workshop.ts";
import type { Job, LoadResult, Message } from "./job.ts";

export interface Measured extends LoadResult {
  /** CPU seconds of the server's processes in the measured time. */
  readonly serverCpu: number;
}

export interface LoadOptions {
  /** The server's processes. */
  readonly pids: readonly number[];
  readonly onBegan?: () => void;
}

/** Runs a job in a process of its own. Fails when the generator does, or when an answer was neither a 2xx nor a 429. */
export async function runLoad(workshop: Workshop, job: Job, options: LoadOptions): Promise<Measured> {
  const child = workshop.script("load/generator.ts", [], { ready: /^ready$/, ipc: true });
  try {
    await child.ready;
    const { promise, resolve, reject } = Promise.withResolvers<Measured>();
    let before = 0;
    child.process.on("message", (message: Message) => {
      if (message.type === "began") {
        before = cpuSeconds(options.pids);
        options.onBegan?.();
      } else if (message.type === "ended") {
        const serverCpu = cpuSeconds(options.pids) - before;
        resolve({ ...message.result, serverCpu });
      } else reject(new Error(message.message));
    });
    child.process.once("exit", () => reject(new Error(`the load generator ended:\n${child.output()}`)));
    child.process.send(job);
    const measured = await promise;
    if (measured.failure !== undefined) throw new Error(`an answer of the server:\n${measured.failure}`);
    if (measured.requests === 0) throw new Error("no request was answered within the measured time");
    return measured;
  } finally {
    await child.stop();
  }
}
