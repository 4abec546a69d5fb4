import { mkdir } from "node:fs/promises";
import { HOUR } from "../../src/units.ts";
import type { Bench } from "../bench.ts";
import type { Running } from "../contender.ts";
import { runLoad } from "../load/run-load.ts";
import { headrace, untilStored } from "../peers/headrace.ts";
import { BATCH } from "./b-batches.ts";

const CONNECTIONS = 8;

export interface Filling {
  readonly events: number;
  /** What is stored before. Default 0. */
  readonly before?: number;
  /** The first pass of the ids; see `Bodies`. Default 0. */
  readonly pass?: number;
}

/** Posts flights and waits until queries see them. */
export async function fill(bench: Bench, running: Running, work: Filling): Promise<void> {
  const { events, before = 0, pass = 0 } = work;
  await runLoad(
    bench.workshop,
    {
      kind: "post",
      port: running.port,
      paths: ["/v1/streams/flights/events"],
      lines: await bench.flights(),
      eventsPerRequest: BATCH,
      contentType: "application/x-ndjson",
      connections: CONNECTIONS,
      pass,
      until: { events },
    },
    { pids: running.pids },
  );
  await untilStored(running, ["flights"], before + events, HOUR);
}

/** Makes a data folder of Headrace with so many flights. */
export async function fillFolder(bench: Bench, events: number): Promise<string> {
  const data = bench.workshop.path(`filled-${events}`);
  await mkdir(data);
  bench.say(`  storing ${events.toLocaleString("en-US")} flights`);
  await using running = await headrace(bench.workshop).start({ data });
  await fill(bench, running, { events });
  return data;
}
