/** One thing that was looked at. */
export interface Finding {
  /** Section and name, such as "disk.sync": the same in every version. */
  readonly check: `${Section}.${string}`;
  /** `problem`: Headrace doesn't run like this, or doesn't keep its promises. `warning`: it runs, and this may hurt. */
  readonly state: "ok" | "warning" | "problem";
  /** What it is. */
  readonly found: string;
  /** What that means; absent when it says itself. */
  readonly meaning?: string;
  /** What to do about it; absent when there is nothing to do. */
  readonly advice?: string;
  /** The figures for programs, units in their names. */
  readonly values?: Readonly<Record<string, number | string | boolean | null>>;
}

/** In the order in which they are shown. */
export const SECTIONS = [
  "machine",
  "limits",
  "settings",
  "project",
  "folder",
  "disk",
  "log",
  "clock",
  "server",
] as const;
export type Section = (typeof SECTIONS)[number];

/** The whole examination; `ok` when there is no problem. */
export interface Examination {
  readonly ok: boolean;
  readonly problems: number;
  readonly warnings: number;
  readonly checks: readonly Finding[];
}
