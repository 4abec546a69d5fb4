import { HEADRACE } from "./contender.ts";
import { ratioOf } from "./measure/stats.ts";
import type { Entry, Figures, Goal, Table } from "./result.ts";

type Level = Goal["level"];

/** A goal on a figure of the run, undefined when it wasn't measured. */
export function goal(
  level: Level,
  text: string,
  measured: number | undefined,
  reached: (value: number) => boolean,
  show: (value: number) => string = (value) => count(value),
): Goal {
  if (measured === undefined || Number.isNaN(measured)) return { level, text, measured: "not measured" };
  return { level, text, measured: show(measured), reached: reached(measured) };
}

/** A goal on the ratio to a peer: the median of the rounds' ratios. */
export function ratioGoal(level: Level, text: string, table: Table, peer: string, least: number): Goal {
  return goal(level, text, ratio(table, peer), (value) => value >= least, times);
}

/** Headrace's figure over the peer's, undefined when one of them is absent. */
export function ratio(table: Table, peer: string): number | undefined {
  const [own, other] = [figuresOf(table, HEADRACE), figuresOf(table, peer)];
  return own === undefined || other === undefined ? undefined : ratioOf(own.value, other.value).median;
}

export function figuresOf(table: Table, name: string): Figures | undefined {
  return table.entries.find((entry: Entry) => entry.name === name)?.figures;
}

export const times = (value: number): string => `${value >= 10 ? value.toFixed(0) : value.toFixed(2)}×`;
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
