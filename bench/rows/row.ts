import type { Bench } from "../bench.ts";
import type { RowResult } from "../result.ts";

/** A row of the table that is to be reached. */
export interface Row {
  readonly letter: string;
  readonly work: string;
  measure(bench: Bench): Promise<Omit<RowResult, "letter" | "work">>;
}
