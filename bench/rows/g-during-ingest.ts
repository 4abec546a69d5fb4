import { alternate, type Bench, type Sample } from "../bench.ts";
import { HEADRACE, type Running } from "../contender.ts";
import { count, figuresOf, goal, times } from "../goals.ts";
import { runLoad, type Measured } from "../load/run-load.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import { BATCH } from "./b-batches.ts";
import { fill } from "./filling.ts";
import { airportQuestions, type Question } from "./queries.ts";
import type { Row } from "./row.ts";

/** Milliseconds between an answer and the next query: a busy user, not a load of its own. */
const PAUSE = 5;
const CONNECTIONS = 64;
/** Passes of the ids are counted on from here: the filling had those before. */
const FIRST_PASS = 1_000;

export const queriesDuringIngest: Row = {
  letter: "G",
  work: "queries during ingest at half of C",
  async measure(bench) {
    const rate = (await bench.loadRate()) / 2;
    await using running = await headrace(bench.workshop).start();
    await fill(bench, running, { events: bench.plan.queriedRows });
    const questions = await airportQuestions(running);
    const table: Table = {
      title: `E's query about one airport while ${count(rate)} events/s come in, p99`,
      unit: "ms",
      better: "less",
      entries: await alternate(bench, [
        {
          name: HEADRACE,
          durability: "each answer is as of the last load",
          run: (round) => bothWays(bench, running, questions, { rate, round }),
        },
      ]),
    };
    const share = figuresOf(table, HEADRACE)?.extra["× idle"]?.median;
    return {
      tables: [table],
      goals: [
        goal("must reach", "p99 ≤ 2× its idle p99", share, (value) => value <= 2, times),
        goal("beyond", "p99 ≤ 1.3× its idle p99", share, (value) => value <= 1.3, times),
      ],
      remarks: [
        `${bench.plan.queriedRows.toLocaleString("en-US")} rows at first; the table grows by what comes in. One connection, ${PAUSE} ms between an ` +
          "answer and the next query, no two queries the same.",
      ],
    };
  },
};

async function bothWays(
  bench: Bench,
  running: Running,
  questions: readonly Question[],
  { rate, round }: { readonly rate: number; readonly round: number },
): Promise<Sample> {
  const idle = await ask(bench, running, questions);
  const stop = post(bench, running, rate, FIRST_PASS * (round + 1));
  const [busy, posted] = await Promise.all([ask(bench, running, questions), stop]);
  return {
    value: busy.latency.p99,
    extra: {
      "× idle": busy.latency.p99 / idle.latency.p99,
      "idle p99 ms": idle.latency.p99,
      "p50 ms": busy.latency.p50,
      "idle p50 ms": idle.latency.p50,
      "events/s": posted.events / posted.seconds,
    },
  };
}

function ask(bench: Bench, running: Running, questions: readonly Question[]): Promise<Measured> {
  return runLoad(
    bench.workshop,
    {
      kind: "get",
      port: running.port,
      paths: questions.map(({ path }) => path),
      connections: 1,
      pause: PAUSE,
      until: { seconds: bench.plan.pacedSeconds, warmup: bench.plan.warmup },
    },
    { pids: running.pids },
  );
}

/** Posts for as long as `ask` takes, and a little longer. */
async function post(bench: Bench, running: Running, rate: number, pass: number): Promise<Measured> {
  return runLoad(
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
      rate,
      until: { seconds: bench.plan.pacedSeconds + 1, warmup: bench.plan.warmup },
    },
    { pids: running.pids },
  );
}
