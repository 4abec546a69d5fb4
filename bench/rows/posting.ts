import type { Bench, Entrant } from "../bench.ts";
import { cpuPerMillion, eventsPerSecond, type Contender } from "../contender.ts";
import type { Job, Lines, PostJob } from "../load/job.ts";
import { runLoad, type Measured } from "../load/run-load.ts";

export type Posting = Pick<PostJob, "eventsPerRequest" | "contentType" | "connections" | "keys"> & {
  readonly path: string;
  readonly lines: Lines;
};

/** Posts to a server that starts empty, and counts what it acknowledged in the measured time. */
export function posting(bench: Bench, contender: Contender, work: Posting): Entrant {
  const { path, ...rest } = work;
  return measuring(bench, contender, (port) => ({
    ...rest,
    kind: "post",
    paths: [path],
    port,
    pass: 0,
    until: { seconds: bench.plan.seconds, warmup: bench.plan.warmup },
  }));
}

/** Publishes the same batches to JetStream. */
export function publishing(bench: Bench, contender: Contender, work: Posting): Entrant {
  const { lines, eventsPerRequest, connections } = work;
  return measuring(bench, contender, (port) => ({
    kind: "nats",
    lines,
    eventsPerRequest,
    connections,
    port,
    pass: 0,
    until: { seconds: bench.plan.seconds, warmup: bench.plan.warmup },
  }));
}

function measuring({ workshop }: Bench, contender: Contender, jobFor: (port: number) => Job): Entrant {
  const { name, durability, missing } = contender;
  return {
    name,
    durability,
    ...(missing === undefined ? {} : { missing }),
    async run() {
      await using running = await contender.start();
      const measured = await runLoad(workshop, jobFor(running.port), { pids: running.pids });
      return {
        value: eventsPerSecond(measured),
        cpu: cpuPerMillion(measured),
        extra: {
          "p50 ms": measured.latency.p50,
          "p99 ms": measured.latency.p99,
          ...generatorCores(measured),
        },
      };
    },
  };
}

/** What the load generator took of the cores. */
export function generatorCores({ cpu, seconds }: Measured): Record<string, number> {
  return { "generator cores": cpu / seconds };
}
