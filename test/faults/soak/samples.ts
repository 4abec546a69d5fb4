import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { residentBytes } from "../support/slow-parts.ts";
import type { ServerProcess } from "../../support/server-process.ts";

/** What a server looked like at one time. */
export interface Sample {
  /** Seconds since the beginning. */
  readonly at: number;
  /** Bytes in RAM. */
  readonly memory: number;
  /** Open file descriptors. */
  readonly files: number;
  /** Milliseconds from accept to queryable, of the latest batches: their p99. */
  readonly freshness: number;
}

/** Looks at whichever server is up, until the signal aborts. */
export async function takeSamples(
  server: () => ServerProcess | undefined,
  interval: number,
  signal: AbortSignal,
  into: Sample[],
): Promise<void> {
  const began = performance.now();
  while (!signal.aborted) {
    const up = server();
    try {
      if (up !== undefined) into.push({ at: (performance.now() - began) / 1000, ...(await lookAt(up)) });
    } catch {
      // It was stopped meanwhile.
    }
    await sleep(interval, undefined, { signal }).catch(() => {});
  }
}

async function lookAt({ pid, url }: ServerProcess): Promise<Omit<Sample, "at">> {
  const { freshness } = (await (await fetch(`${url}/v1/streams/readings`)).json()) as {
    freshness: { measured: { p99_ms: number } | null };
  };
  if (freshness.measured === null) throw new Error("nothing was loaded yet");
  return {
    memory: await residentBytes(pid),
    files: (await readdir(`/proc/${pid}/fd`)).length,
    freshness: freshness.measured.p99_ms,
  };
}
