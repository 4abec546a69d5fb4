import type { Figure } from "./measure/stats.ts";

/** What a run measured, as it is kept in JSON and written into the report. */
export interface Results {
  readonly date: string;
  readonly commit: string;
  readonly mode: string;
  readonly rounds: number;
  readonly machine: readonly (readonly [what: string, value: string])[];
  readonly minutes: number;
  readonly rows: readonly RowResult[];
}

export interface RowResult {
  readonly letter: string;
  readonly work: string;
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  /** What has to be known to read the figures. */
  readonly remarks: readonly string[];
  /** The row could not be measured. */
  readonly failure?: string;
}

export interface Table {
  readonly title: string;
  /** Of the value: "events/s", "ms". */
  readonly unit: string;
  /** What CPU seconds are counted by. Default: a million events. */
  readonly per?: string;
  readonly better: "more" | "less";
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly name: string;
  readonly durability: string;
  readonly figures?: Figures;
  /** Why there are none. */
  readonly absent?: string;
}

export interface Figures {
  readonly value: Figure;
  readonly cpu?: Figure;
  readonly extra: Readonly<Record<string, Figure>>;
}

export interface Goal {
  readonly level: "must reach" | "beyond";
  readonly text: string;
  readonly measured: string;
  /** Undefined when it could not be measured. */
  readonly reached?: boolean;
}
