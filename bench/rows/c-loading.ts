import { copyFile } from "node:fs/promises";
import { alternate, type Bench, type Entrant } from "../bench.ts";
import { ratioGoal } from "../goals.ts";
import { fastifyDuckdb, fastifyPostgres } from "../peers/contenders.ts";
import { runEngine } from "../peers/engine-task.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import { loading } from "./loading.ts";
import type { Row } from "./row.ts";

const ENGINE = "the engine alone (chDB)";

export const endToEnd: Row = {
  letter: "C",
  work: "end to end: sustained until all are queryable, exactly once",
  async measure(bench) {
    const { workshop, plan } = bench;
    const own = headrace(workshop);
    const work = { streams: ["flights"], events: plan.loadEvents };
    const peerWork = { ...work, events: plan.peerEvents };
    const table: Table = {
      title: `Flights, 1000 in each request, until all are queryable`,
      unit: "events/s",
      better: "more",
      entries: await alternate(bench, [
        loading(bench, own, work),
        loading(
          bench,
          { ...own, name: "Headrace, stream without `id`" },
          { ...work, streams: ["flights_without_id"] },
        ),
        await engineInserting(bench, plan.loadEvents),
        loading(bench, fastifyPostgres(workshop), peerWork),
        loading(bench, fastifyDuckdb(workshop), peerWork),
      ]),
    };
    return {
      tables: [table],
      goals: [
        ratioGoal("must reach", "≥ 75 % of the engine alone", table, ENGINE, 0.75),
        ratioGoal("beyond", "120 % of the engine alone", table, ENGINE, 1.2),
      ],
      remarks: [
        `${plan.loadEvents.toLocaleString("en-US")} flights; ${plan.peerEvents.toLocaleString("en-US")} for the TypeScript stacks. ` +
          "The table is asked at the end: as many rows as were accepted, each from another place in the log.",
        "The engine alone inserts one NDJSON file of the same flights with its defaults, which parse on all cores.",
      ],
    };
  },
};

async function engineInserting(bench: Bench, rows: number): Promise<Entrant> {
  const { workshop } = bench;
  const { file } = await bench.flights(rows);
  return {
    name: ENGINE,
    durability: "the engine's default: not synced; nothing is validated",
    async run() {
      await using folder = await workshop.folder("engine");
      // Only below its own folder does the engine read files.
      const input = `${folder.path}/flights.ndjson`;
      await copyFile(file, input);
      const answer = await runEngine(workshop, {
        kind: "insert",
        folder: `${folder.path}/data`,
        file: input,
        rows,
      });
      return { value: rows / answer.seconds, cpu: (answer.cpu / rows) * 1e6 };
    },
  };
}
