import { alternate, type Entrant } from "../bench.ts";
import { HEADRACE, type Contender } from "../contender.ts";
import { figuresOf, goal, milliseconds } from "../goals.ts";
import { fastifyDuckdb, fastifyPostgres } from "../peers/contenders.ts";
import { freePort } from "../../test/support/free-port.ts";
import { pause } from "../pause.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import type { Row } from "./row.ts";

const PATH = "/v1/endpoints/delays_by_origin?limit=50";
/** How often it is asked until it answers, and for how long. Milliseconds. */
const POLL_INTERVAL = 5;
const PATIENCE = 10_000;
/** Rows that the goal of 3 s speaks of. */
const GOAL_ROWS = 100_000_000;

export const start: Row = {
  letter: "H",
  work: "start to first answer",
  async measure(bench) {
    const { workshop, plan } = bench;
    const data = await bench.filled(plan.startRows);
    const own = headrace(workshop);
    const many = plan.startRows.toLocaleString("en-US");
    const empty: Table = {
      title: "From starting the process to the endpoint's first answer, empty",
      unit: "ms",
      better: "less",
      entries: await alternate(bench, [
        starting(own),
        starting(fastifyPostgres(workshop)),
        starting(fastifyDuckdb(workshop)),
      ]),
    };
    const full: Table = {
      title: `The same with ${many} rows and the log of all of them`,
      unit: "ms",
      better: "less",
      entries: await alternate(bench, [
        starting({ ...own, start: (options) => own.start({ ...options, data }) }),
      ]),
    };
    const [first, second] = [empty, full].map((table) => figuresOf(table, HEADRACE)?.value.median);
    return {
      tables: [empty, full],
      goals: [
        goal("must reach", "empty ≤ 1 s", first, (value) => value <= 1_000, milliseconds),
        goal(
          "must reach",
          plan.startRows >= GOAL_ROWS
            ? "with 100 million rows ≤ 3 s"
            : `with ${many} rows ≤ 3 s (100 million: --full)`,
          second,
          (value) => value <= 3_000,
          milliseconds,
        ),
        goal("beyond", "empty ≤ 0.5 s", first, (value) => value <= 500, milliseconds),
      ],
      remarks: [
        "The endpoint is asked every 5 ms from the start on. Headrace answers, and takes events, before it says that it is ready: then it has also compared " +
          "the store with its ledger and read the ids that an event can repeat, and goes on loading.",
        "PostgreSQL's time has the making of its cluster (`initdb`) in it where it begins empty, as Headrace's has the making of its store.",
      ],
    };
  },
};

function starting(contender: Contender): Entrant {
  const { name, missing } = contender;
  return {
    name,
    durability: "an answer of the endpoint",
    ...(missing === undefined ? {} : { missing }),
    async run() {
      const port = await freePort();
      const from = performance.now();
      const started = new AbortController();
      const early = firstAnswer(port, started.signal);
      await using running = await contender.start({ port });
      const ready = performance.now();
      started.abort();
      const answered = (await early) ?? (await firstAnswer(running.port, AbortSignal.timeout(PATIENCE)));
      if (answered === undefined) throw new Error("the endpoint never answered");
      return { value: answered - from, extra: { "says ready ms": ready - from } };
    },
  };
}

/** When the endpoint answered first; undefined when it hadn't by the time that the signal aborts. */
async function firstAnswer(port: number, signal: AbortSignal): Promise<number | undefined> {
  while (!signal.aborted) {
    const response = await fetch(`http://127.0.0.1:${port}${PATH}`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok === true) return performance.now();
    await pause(POLL_INTERVAL);
  }
  return undefined;
}
