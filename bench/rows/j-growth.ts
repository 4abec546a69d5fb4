import { alternate, type Bench } from "../bench.ts";
import { goal } from "../goals.ts";
import { headrace } from "../peers/headrace.ts";
import type { Goal, Table } from "../result.ts";
import { loading, type Loading } from "./loading.ts";
import type { Row } from "./row.ts";

/** Ratios of CPU that count as noise on a shared machine. */
const NOISE = 1.25;
const STREAMS = [1, 10, 100];
/** Every so many events one is rejected, and what that is in percent. */
const SPOILED = [
  { share: "0 %" },
  { share: "1 %", spoilEvery: 100 },
  { share: "50 %", spoilEvery: 2 },
] as const;

type Variant = Loading & { readonly name: string };

export const growth: Row = {
  letter: "J",
  work: "cost as work grows",
  async measure(bench) {
    const { growth: sizes, variedEvents } = bench.plan;
    const rows = await variants(
      bench,
      "C by the number of flights",
      sizes.map((events) => ({
        name: `${events.toLocaleString("en-US")} flights`,
        streams: ["flights"],
        events,
      })),
    );
    const streams = await variants(
      bench,
      `C by the number of streams, ${variedEvents.toLocaleString("en-US")} flights in all`,
      STREAMS.map((count) => ({
        name: `${count} ${count === 1 ? "stream" : "streams"}`,
        streams: Array.from({ length: count }, (_, index) => `flights_${index}`),
        events: variedEvents,
        env: { BENCH_STREAMS: String(count) },
      })),
    );
    const rejected = await variants(
      bench,
      `C by the share of events that are rejected, ${variedEvents.toLocaleString("en-US")} in all`,
      SPOILED.map(({ share, ...rest }) => ({
        name: `${share} rejected`,
        streams: ["flights"],
        events: variedEvents,
        ...rest,
      })),
    );
    return {
      tables: [rows, streams, rejected],
      goals: [flat("rows", rows), flat("streams", streams), flat("rejected events", rejected)],
      remarks: [
        `Flat means: the CPU of an event in the last line is at most ${NOISE}× that of the first. Rejected events are kept and listed by their ids, with their reasons.` +
          (sizes.includes(100_000_000) ? "" : " 100 million flights: with `--full`."),
      ],
    };
  },
};

async function variants(bench: Bench, title: string, list: readonly Variant[]): Promise<Table> {
  const own = headrace(bench.workshop);
  return {
    title,
    unit: "events/s",
    better: "more",
    entries: await alternate(
      bench,
      list.map(({ name, ...work }) => loading(bench, { ...own, name }, work)),
    ),
  };
}

function flat(what: string, { entries }: Table): Goal {
  const [first, last] = [entries[0], entries.at(-1)].map((entry) => entry?.figures?.cpu?.median);
  const share = first === undefined || last === undefined ? undefined : last / first;
  return goal(
    "must reach",
    `flat over ${what}, within noise`,
    share,
    (value) => value <= NOISE,
    (value) => `${value.toFixed(2)}× the CPU of an event`,
  );
}
