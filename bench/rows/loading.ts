import { MINUTE, SECOND } from "../../src/units.ts";
import type { Bench, Entrant, Sample } from "../bench.ts";
import type { Contender } from "../contender.ts";
import { runLoad } from "../load/run-load.ts";
import { cpuSeconds } from "../measure/process-tree.ts";
import { untilStored } from "../peers/headrace.ts";
import { BATCH } from "./b-batches.ts";
import { generatorCores } from "./posting.ts";

export interface Loading {
  readonly streams: readonly string[];
  readonly events: number;
  /** Every so many events one is rejected. Default: none is. */
  readonly spoilEvery?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Enough for the slowest peer at the largest count. */
const DEADLINE = 30 * MINUTE;
const CONNECTIONS = 8;

/** Posts to an empty server until all of it is queryable, and holds what is stored against what was sent. */
export function loading(bench: Bench, contender: Contender, work: Loading): Entrant {
  const { name, durability, missing } = contender;
  return {
    name,
    durability,
    ...(missing === undefined ? {} : { missing }),
    async run(): Promise<Sample> {
      await using running = await contender.start(work.env === undefined ? {} : { env: work.env });
      const { streams, events, spoilEvery } = work;
      let [from, before] = [0, 0];
      const measured = await runLoad(
        bench.workshop,
        {
          kind: "post",
          port: running.port,
          paths: streams.map((stream) => `/v1/streams/${stream}/events`),
          lines: await bench.flights(),
          eventsPerRequest: BATCH,
          contentType: "application/x-ndjson",
          connections: CONNECTIONS,
          pass: 0,
          until: { events },
          ...(spoilEvery === undefined ? {} : { spoilEvery }),
        },
        {
          pids: running.pids,
          onBegan: () => {
            from = performance.now();
            before = cpuSeconds(running.pids);
          },
        },
      );
      await untilStored(running, streams, events, DEADLINE);
      const seconds = (performance.now() - from) / SECOND;
      const cpu = cpuSeconds(running.pids) - before;
      const bad = spoilEvery === undefined ? 0 : Math.ceil(events / spoilEvery);
      if (streams.length === 1) await running.verify?.(streams[0] ?? "", events - bad);
      return {
        value: events / seconds,
        cpu: (cpu / events) * 1e6,
        extra: {
          "accepted events/s": measured.events / measured.seconds,
          "told to wait": measured.statuses["429"] ?? 0,
          ...generatorCores(measured),
        },
      };
    },
  };
}
