import { MIB, SECOND } from "../../src/units.ts";
import { alternate, type Bench, type Sample } from "../bench.ts";
import { HEADRACE, type Running } from "../contender.ts";
import { figuresOf, goal } from "../goals.ts";
import { peakResidentBytes, residentBytes } from "../measure/process-tree.ts";
import { pause } from "../pause.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import { BATCH } from "./b-batches.ts";
import { fill } from "./filling.ts";
import type { Row } from "./row.ts";

/** What still counts as no growth: the second two thirds of the rows may add this share. */
const GROWTH_MAX = 1.1;
const MILLION = 1_000_000;

export const memory: Row = {
  letter: "I",
  work: "memory",
  async measure(bench) {
    const { memoryRows: rows, rest } = bench.plan;
    const table: Table = {
      title: `Resident memory after ${rows.toLocaleString("en-US")} rows at B's load and ${rest} s of rest`,
      unit: "MB",
      better: "less",
      entries: await alternate(bench, [
        { name: HEADRACE, durability: "one process, the engine in it", run: () => overItsLife(bench, rows) },
      ]),
    };
    const own = figuresOf(table, HEADRACE);
    const extra = (title: string): number | undefined => own?.extra[title]?.median;
    const growth = own === undefined ? undefined : own.value.median / (extra("after a third") ?? Number.NaN);
    return {
      tables: [table],
      goals: [
        goal("must reach", "idle ≤ 350 MB", extra("idle"), (value) => value <= 350, megabytes),
        goal("must reach", "under B ≤ 700 MB", extra("greatest under B"), (value) => value <= 700, megabytes),
        goal(
          "must reach",
          `no growth: after ${rows / MILLION} million rows no more than ${GROWTH_MAX}× what it is after a third of them`,
          growth,
          (value) => value <= GROWTH_MAX,
          (value) => `${value.toFixed(2)}×`,
        ),
      ],
      remarks: [
        `Resident memory from /proc, with what the engine maps; idle is ${rest} s after the start, with an empty folder. Under B: the greatest since the start ` +
          "(VmHWM), 8 connections posting NDJSON of 1000 as fast as they are answered. The issue asks for 10 million rows, 100 with `--full`" +
          (rows < 10 * MILLION ? `; here they are ${rows / MILLION} million, to stay within the time.` : "."),
      ],
    };
  },
};

const megabytes = (value: number): string => `${value.toFixed(0)} MB`;

async function overItsLife(bench: Bench, rows: number): Promise<Sample> {
  await using running = await headrace(bench.workshop).start();
  const idle = await atRest(bench, running);
  const third = Math.round(rows / 3 / BATCH) * BATCH;
  await fill(bench, running, { events: third });
  const afterThird = await atRest(bench, running);
  await fill(bench, running, { events: rows - third, before: third, pass: 1_000 });
  const peak = peakResidentBytes(running.pids) / MIB;
  const value = await atRest(bench, running);
  return { value, extra: { idle, "after a third": afterThird, "greatest under B": peak } };
}

async function atRest({ plan }: Bench, running: Running): Promise<number> {
  await pause(plan.rest * SECOND);
  return residentBytes(running.pids) / MIB;
}
