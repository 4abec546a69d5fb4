import { alternate, type Bench, type Entrant } from "../bench.ts";
import { cpuPerMillion, HEADRACE } from "../contender.ts";
import { count, figuresOf, goal, milliseconds } from "../goals.ts";
import { runLoad } from "../load/run-load.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import { BATCH } from "./b-batches.ts";
import { generatorCores } from "./posting.ts";
import type { Row } from "./row.ts";

/** Enough that a request always finds one although each waits until its events are queryable. */
const CONNECTIONS = 1_024;
const SOONER = 'Headrace, stream with `freshness: "250ms"`';

export const freshness: Row = {
  letter: "D",
  work: "freshness, accept to queryable, at half of C",
  async measure(bench) {
    const rate = (await bench.loadRate()) / 2;
    const table: Table = {
      title: `Time from sending a batch of 1000 to its being queryable, p99, at ${count(rate)} events/s`,
      unit: "ms",
      better: "less",
      entries: await alternate(bench, [
        waiting(bench, HEADRACE, "flights", rate),
        waiting(bench, SOONER, "flights_sooner", rate),
      ]),
    };
    const own = figuresOf(table, HEADRACE)?.value.median;
    const sooner = figuresOf(table, SOONER)?.value.median;
    return {
      tables: [table],
      goals: [
        goal("must reach", "p99 ≤ 1 s", own, (value) => value <= 1_000, milliseconds),
        goal(
          "beyond",
          "p99 ≤ 250 ms, on a stream that promises it",
          sooner,
          (value) => value <= 250,
          milliseconds,
        ),
      ],
      remarks: [
        "Every batch is posted with `?wait=stored`, at even intervals whether or not earlier ones are answered: the time runs from when it " +
          'was due to the answer that says that queries see it, and so holds the request itself. The first stream declares `freshness: "1s"`, ' +
          "and the loader gathers for half of that on purpose. *server's p99* is what the server itself says in `GET /v1/streams/flights`. " +
          "The TypeScript stacks write to the table before they answer; what that costs is in C.",
      ],
    };
  },
};

function waiting(bench: Bench, name: string, stream: string, rate: number): Entrant {
  const own = headrace(bench.workshop);
  return {
    name,
    durability: own.durability,
    async run() {
      await using running = await own.start();
      const measured = await runLoad(
        bench.workshop,
        {
          kind: "post",
          port: running.port,
          paths: [`/v1/streams/${stream}/events?wait=stored`],
          lines: await bench.flights(),
          eventsPerRequest: BATCH,
          contentType: "application/x-ndjson",
          connections: CONNECTIONS,
          pass: 0,
          rate,
          until: { seconds: bench.plan.pacedSeconds, warmup: 2 * bench.plan.warmup },
        },
        { pids: running.pids },
      );
      const unknown = measured.statuses["202"] ?? 0;
      if (unknown > 0) throw new Error(`${unknown} batches were not queryable within 30 s`);
      const { p50, p99, max } = measured.latency;
      return {
        value: p99,
        cpu: cpuPerMillion(measured),
        extra: {
          "p50 ms": p50,
          "greatest ms": max,
          "server's p99 ms": await serversFreshness(running.port, stream),
          ...generatorCores(measured),
        },
      };
    },
  };
}

/** What the server measured itself, in milliseconds. */
async function serversFreshness(port: number, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/streams/${name}`);
  const stream = (await response.json()) as { freshness: { measured: { p99_ms: number } | null } };
  return stream.freshness.measured?.p99_ms ?? Number.NaN;
}
