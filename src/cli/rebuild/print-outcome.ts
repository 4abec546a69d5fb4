import { printLine, styled, type Io } from "../io.ts";
import { formatCount } from "../progress.ts";

/** What came of a rebuild, as it stands in JSON. */
export interface Outcome {
  readonly from_log: number;
  readonly copied: number;
  readonly rejected: number;
  readonly lost: number;
  readonly to_load: number;
}

export function printOutcome(stream: string, outcome: Outcome, json: boolean, io: Io): void {
  const { from_log: fromLog, copied, rejected, lost, to_load: toLoad } = outcome;
  if (json) {
    return printLine(
      io.stdout,
      JSON.stringify({ stream, from_log: fromLog, copied, rejected, lost, to_load: toLoad }),
    );
  }
  const left = [
    ...(copied > 0 ? [`${count(copied, "older row")} copied`] : []),
    ...(rejected > 0 ? [`${count(rejected, "event")} kept as rejected`] : []),
  ];
  const text =
    toLoad > 0
      ? `${stream}: the log is loaded again, ${count(toLoad, "event")}${lost > 0 ? `; up to ${count(lost, "earlier event")} are lost` : ""}`
      : `${stream} is made anew: ${[`${count(fromLog, "row")} from the log`, ...left, ...(lost > 0 ? [`${count(lost, "older row")} left out`] : [])].join(", ")}`;
  printLine(io.stdout, styled(io.stdout, "green", text));
}

/** "1 row", "2,000 rows". */
export function count(number: unknown, noun: string): string {
  return `${formatCount(Number(number))} ${noun}${number === 1 ? "" : "s"}`;
}
