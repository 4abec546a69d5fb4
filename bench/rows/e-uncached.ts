import { join } from "node:path";
import { alternate, type Bench, type Entrant } from "../bench.ts";
import { HEADRACE, type Contender, type Running } from "../contender.ts";
import { figuresOf, goal, milliseconds } from "../goals.ts";
import { runLoad } from "../load/run-load.ts";
import { figureOf } from "../measure/stats.ts";
import { fastifyDuckdb, fastifyPostgres } from "../peers/contenders.ts";
import { runEngine } from "../peers/engine-task.ts";
import { headrace } from "../peers/headrace.ts";
import type { Goal, Table } from "../result.ts";
import { fill } from "./filling.ts";
import { airportQuestions, wholeQuestions, type Question } from "./queries.ts";
import type { Row } from "./row.ts";

const ENGINE = "the engine alone (chDB)";
/** Queries before those that count. */
const WARMUP_QUERIES = 30;
/** Filling a stack with more takes longer than the whole row. */
const STACK_ROWS_MAX = 5_000_000;

export const uncachedEndpoint: Row = {
  letter: "E",
  work: "endpoint not in the cache",
  async measure(bench) {
    const data = await bench.filled(bench.plan.queriedRows);
    const airports = await questionsFor(bench, data);
    // They are filled once and stand idle while it isn't their turn.
    await using stacks = new AsyncDisposableStack();
    const peers = [fastifyPostgres(bench.workshop), fastifyDuckdb(bench.workshop)].map((peer) =>
      filledOnce(bench, peer, stacks),
    );
    const one = await questionTable(bench, "One airport's rows, by the sort key", data, airports, peers);
    const all = await questionTable(bench, "All rows", data, wholeQuestions(), peers);
    return {
      tables: [one, all],
      goals: [...goalsOf(one, "one airport"), ...goalsOf(all, "all rows")],
      remarks: [
        `${bench.plan.queriedRows.toLocaleString("en-US")} rows; one query after the other on one connection, no two the same. The engine alone ` +
          "opens the very folder that Headrace has just closed, so both read the same parts with the same SQL.",
      ],
    };
  },
};

async function questionsFor(bench: Bench, data: string): Promise<readonly Question[]> {
  await using running = await headrace(bench.workshop).start({ data });
  return await airportQuestions(running);
}

async function questionTable(
  bench: Bench,
  what: string,
  data: string,
  questions: readonly Question[],
  peers: readonly Contender[],
): Promise<Table> {
  const own = headrace(bench.workshop);
  const atData: Contender = {
    ...own,
    durability: "as of the last load, limits in force",
    start: () => own.start({ data }),
  };
  return {
    title: `${what}: time of one query, p50`,
    unit: "ms",
    per: "a million queries",
    better: "less",
    entries: await alternate(bench, [
      asking(bench, atData, questions),
      engineAsking(bench, data, questions),
      ...peers.map((peer) =>
        asking(bench, { ...peer, durability: "the same question in its SQL" }, questions),
      ),
    ]),
  };
}

function asking(bench: Bench, contender: Contender, questions: readonly Question[]): Entrant {
  const { name, durability, missing } = contender;
  return {
    name,
    durability,
    ...(missing === undefined ? {} : { missing }),
    async run() {
      await using running = await contender.start();
      const measured = await runLoad(
        bench.workshop,
        {
          kind: "get",
          port: running.port,
          paths: questions.map(({ path }) => path),
          connections: 1,
          until: { seconds: bench.plan.seconds, warmup: bench.plan.warmup },
        },
        { pids: running.pids },
      );
      return {
        value: measured.latency.p50,
        cpu: (measured.serverCpu / measured.requests) * 1e6,
        extra: { "p99 ms": measured.latency.p99, queries: measured.requests },
      };
    },
  };
}

function engineAsking(bench: Bench, data: string, questions: readonly Question[]): Entrant {
  return {
    name: ENGINE,
    durability: "the same SQL in a bare session, no server",
    async run() {
      const queries = questions.slice(0, bench.plan.queries + WARMUP_QUERIES).map(({ sql }) => sql);
      const answer = await runEngine(bench.workshop, {
        kind: "query",
        folder: join(data, "store/engine"),
        queries,
        warmup: WARMUP_QUERIES,
      });
      const counted = queries.length - WARMUP_QUERIES;
      return {
        value: answer.latency?.p50 ?? Number.NaN,
        cpu: (answer.cpu / queries.length) * 1e6,
        extra: { "p99 ms": answer.latency?.p99 ?? Number.NaN, queries: counted },
      };
    },
  };
}

/** Starts and fills a peer when it is first its turn; it ends with `stacks`. */
function filledOnce(bench: Bench, peer: Contender, stacks: AsyncDisposableStack): Contender {
  const { queriedRows } = bench.plan;
  let filled: Promise<Running> | undefined;
  const begin = async (): Promise<Running> => {
    const running = stacks.use(await peer.start());
    await fill(bench, running, { events: queriedRows });
    return running;
  };
  return {
    ...peer,
    ...(queriedRows > STACK_ROWS_MAX ? { missing: "filling it with so many rows takes too long" } : {}),
    async start() {
      const running = await (filled ??= begin());
      return { ...running, [Symbol.asyncDispose]: () => Promise.resolve() };
    },
  };
}

function goalsOf(table: Table, what: string): Goal[] {
  const [own, engine] = [figuresOf(table, HEADRACE), figuresOf(table, ENGINE)];
  const over =
    own === undefined || engine === undefined
      ? undefined
      : figureOf(own.value.rounds.map((value, round) => value - (engine.value.rounds[round] ?? Number.NaN)))
          .median;
  return [
    goal("must reach", `≤ 1 ms over the engine, ${what}`, over, (value) => value <= 1, milliseconds),
    goal("beyond", `≤ 0.3 ms over the engine, ${what}`, over, (value) => value <= 0.3, milliseconds),
  ];
}
