import { alternate, type Bench } from "../bench.ts";
import { HEADRACE } from "../contender.ts";
import { figuresOf, goal, ratioGoal } from "../goals.ts";
import type { Lines } from "../load/job.ts";
import { bareHttp, fastifyDuckdb, fastifyPostgres, natsServer } from "../peers/contenders.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import { groupSync } from "./group-sync.ts";
import { posting, publishing, type Posting } from "./posting.ts";
import type { Row } from "./row.ts";

export const BATCH = 1_000;
const CONNECTIONS = 8;
/** Bytes: a batch of flights as NDJSON. */
const BATCH_BYTES = 134 * BATCH;

export const batches: Row = {
  letter: "B",
  work: "POST of NDJSON of 1000, fsynced before the answer, every event validated",
  async measure(bench) {
    const flights = await flightsTable(bench);
    const orders = await ordersTable(bench);
    const stack = fastifyPostgres(bench.workshop).name;
    const own = figuresOf(flights, HEADRACE)?.value.median;
    return {
      tables: [flights, orders],
      goals: [
        goal("must reach", "≥ 400 k events/s", own, (value) => value >= 400_000),
        ratioGoal("must reach", "≥ 10× the TypeScript stack", flights, stack, 10),
        goal("beyond", "1 million events/s", own, (value) => value >= 1_000_000),
      ],
      remarks: [
        `${CONNECTIONS} connections. The loader works at the same time, on the same cores; what it has not loaded when the ` +
          "measured time is over is not waited for here: that is C.",
      ],
    };
  },
};

async function flightsTable(bench: Bench): Promise<Table> {
  const { workshop } = bench;
  const work = posts("flights", await bench.flights());
  return {
    title: "Flights of about 134 bytes, 1000 in each request",
    unit: "events/s",
    better: "more",
    entries: await alternate(bench, [
      posting(bench, headrace(workshop), work),
      posting(bench, fastifyPostgres(workshop), work),
      posting(bench, fastifyDuckdb(workshop), work),
      posting(bench, bareHttp(workshop), work),
      publishing(bench, natsServer(workshop), work),
      groupSync(bench, { bytes: BATCH_BYTES, events: BATCH, atOnce: CONNECTIONS }),
    ]),
  };
}

async function ordersTable(bench: Bench): Promise<Table> {
  const { workshop } = bench;
  const work = posts("orders", await bench.orders());
  return {
    title: "Orders of about 1 kB with nested fields, 1000 in each request",
    unit: "events/s",
    better: "more",
    entries: await alternate(bench, [
      posting(bench, headrace(workshop), work),
      posting(bench, fastifyPostgres(workshop), work),
      posting(bench, bareHttp(workshop), work),
    ]),
  };
}

function posts(stream: string, lines: Lines): Posting {
  return {
    path: `/v1/streams/${stream}/events`,
    lines,
    eventsPerRequest: BATCH,
    contentType: "application/x-ndjson",
    connections: CONNECTIONS,
  };
}
