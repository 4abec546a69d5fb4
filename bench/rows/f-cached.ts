import { alternate, type Bench, type Entrant } from "../bench.ts";
import { HEADRACE, type Contender } from "../contender.ts";
import { figuresOf, goal, milliseconds } from "../goals.ts";
import { runLoad } from "../load/run-load.ts";
import { bareHttp, fastifyPostgres } from "../peers/contenders.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import { fill } from "./filling.ts";
import { generatorCores } from "./posting.ts";
import type { Row } from "./row.ts";

const CONNECTIONS = 64;
const PATH = "/v1/endpoints/delays_by_origin?limit=50";
/** Rows behind the cached answer: only the first request touches them. */
const ROWS = 100_000;

export const cachedEndpoint: Row = {
  letter: "F",
  work: "endpoint in the cache",
  async measure(bench) {
    const { workshop } = bench;
    const table: Table = {
      title: "GET of an endpoint, 50 rows, 64 connections",
      unit: "requests/s",
      per: "a million requests",
      better: "more",
      entries: await alternate(bench, [
        asking(bench, { ...headrace(workshop), durability: "never older than the last load" }),
        asking(bench, { ...fastifyPostgres(workshop), durability: "no cache: each request is a query" }),
        asking(bench, { ...bareHttp(workshop), durability: "a constant of about the same length" }),
      ]),
    };
    const own = figuresOf(table, HEADRACE);
    return {
      tables: [table],
      goals: [
        goal("must reach", "≥ 15 k requests/s", own?.value.median, (value) => value >= 15_000),
        goal("must reach", "p99 ≤ 10 ms", own?.extra["p99 ms"]?.median, (value) => value <= 10, milliseconds),
        goal("beyond", "25 k requests/s", own?.value.median, (value) => value >= 25_000),
      ],
      remarks: [],
    };
  },
};

function asking(bench: Bench, contender: Contender): Entrant {
  const { name, durability, missing } = contender;
  return {
    name,
    durability,
    ...(missing === undefined ? {} : { missing }),
    async run() {
      await using running = await contender.start();
      if (running.stored !== undefined) await fill(bench, running, { events: ROWS });
      const measured = await runLoad(
        bench.workshop,
        {
          kind: "get",
          port: running.port,
          paths: [PATH],
          connections: CONNECTIONS,
          until: { seconds: bench.plan.seconds, warmup: bench.plan.warmup },
        },
        { pids: running.pids },
      );
      return {
        value: measured.requests / measured.seconds,
        cpu: (measured.serverCpu / measured.requests) * 1e6,
        extra: {
          "p50 ms": measured.latency.p50,
          "p99 ms": measured.latency.p99,
          ...generatorCores(measured),
        },
      };
    },
  };
}
