import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { IngestLimits } from "../../../src/ingest/limits.ts";
import { KIB } from "../../../src/units.ts";

export interface SlowOptions {
  readonly folder: string;
  readonly diskBytesPerSecond: number;
  readonly storeRowsPerSecond: number;
  readonly limits: Partial<IngestLimits>;
}

/** What the process says. */
export type SlowAnswer =
  | { readonly kind: "ready"; readonly url: string }
  /** How often each number is stored, once all is loaded. */
  | { readonly kind: "stored"; readonly rows: readonly (readonly [n: number, times: number])[] };

export interface SlowServer {
  readonly url: string;
  /** Bytes of memory that the process has now. */
  memory(): Promise<number>;
  stored(): Promise<ReadonlyMap<number, number>>;
  stop(): Promise<void>;
}

/** The real log, loader, engine and ingest in a process of their own, on a disk and a store that are slow. */
export async function startSlowServer(options: SlowOptions): Promise<SlowServer> {
  const child = fork(join(import.meta.dirname, "slow-server.ts"), [JSON.stringify(options)], {
    execArgv: ["--conditions=headrace-source"],
  });
  const { promise: died, reject } = Promise.withResolvers<never>();
  child.once("exit", (code, signal) => reject(new Error(`the slow server ended with ${signal ?? code}`)));
  died.catch(() => {});
  const answer = async <Kind extends SlowAnswer["kind"]>(
    kind: Kind,
  ): Promise<Extract<SlowAnswer, { kind: Kind }>> => {
    const [message] = (await Promise.race([once(child, "message"), died])) as [SlowAnswer];
    if (message.kind !== kind) throw new Error(`the slow server said ${message.kind} instead of ${kind}`);
    return message as Extract<SlowAnswer, { kind: Kind }>;
  };
  const { url } = await answer("ready");
  return {
    url,
    memory: () => residentBytes(child.pid ?? 0),
    async stored() {
      child.send("stored");
      return new Map((await answer("stored")).rows);
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The memory that a process has in RAM, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * KIB;
}
