import type { Bench } from "../bench.ts";
import { HEADRACE } from "../contender.ts";
import { figuresOf } from "../goals.ts";
import { headrace } from "../peers/headrace.ts";
import type { RowResult } from "../result.ts";
import { loading } from "./loading.ts";

/** The rate that row C measured in this run, in events a second. */
export function loadRateOf(rows: readonly RowResult[]): Promise<number> | undefined {
  const table = rows.find(({ letter }) => letter === "C")?.tables[0];
  const value = table && figuresOf(table, HEADRACE)?.value.median;
  return value === undefined ? undefined : Promise.resolve(value);
}

/** Measures C's rate once, for a run without row C. */
export async function measureLoadRate(bench: Bench): Promise<number> {
  const work = { streams: ["flights"], events: bench.plan.loadEvents };
  const { value } = await loading(bench, headrace(bench.workshop), work).run(0);
  bench.say(`  C goes at ${Math.round(value).toLocaleString("en-US")} events/s`);
  return value;
}
