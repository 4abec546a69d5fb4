import { MIB } from "../../../src/units.ts";
import { machine } from "../machine.ts";
import type { Load } from "./load.ts";
import { isFlat, RULE, type Flatness } from "./verdict.ts";

export interface Results {
  readonly minutes: string;
  readonly most: number;
  readonly rate: number;
  readonly load: Load;
  readonly flatness: readonly Flatness[];
  readonly problems: readonly string[];
}

/** The section of docs/FAULTS.md. */
export function soakReport({ minutes, most, rate, load, flatness, problems }: Results): string {
  const { sent, queries } = load;
  const show = {
    memory: (value: number) => `${count(value / MIB)} MiB`,
    files: count,
    freshness: (value: number) => `${count(value)} ms`,
  };
  const names = { memory: "memory in RAM", files: "open file descriptors", freshness: "freshness, p99" };
  return [
    `${minutes} minutes, ${new Date().toISOString().slice(0, 10)}. ${machine()} It took ${count(most)} events a second; the soak sent ` +
      `${count(rate)}. Acknowledged: ${count(sent.readings)} events, ${count(sent.rejected)} rejected ones, ${count(sent.orders)} events with ids and ` +
      `${count(sent.duplicates)} repeats of them; ${count(queries)} queries were answered meanwhile; one stop and one kill -9 with a new start. ` +
      (problems.length === 0 ? "All that was acknowledged is stored once." : `**${problems.join("; ")}.**`),
    "",
    "| | first quarter | last quarter | bound | |",
    "|---|--:|--:|--:|---|",
    ...flatness.map(
      (one) =>
        `| ${names[one.name]} | ${show[one.name](one.early)} | ${show[one.name](one.late)} | ${show[one.name](one.bound)} | ${isFlat(one) ? "flat" : "**not flat**"} |`,
    ),
    "",
    `Judged from a third of the time on, after the restarts. ${RULE}`,
    "",
    "![Memory, file descriptors and freshness over time](soak.svg)",
  ].join("\n");
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
