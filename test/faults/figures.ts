import type { Figures } from "./scenario.ts";

/** The lists of what was found wrong stay readable. */
export const PROBLEMS_MAX = 20;

export const NOTHING: Figures = {
  runs: 0,
  events: 0,
  lost: 0,
  doubled: 0,
  changed: 0,
  torn: 0,
  problems: [],
};

/** Both together; the note is the first's. */
export function addUp(one: Figures, other: Omit<Figures, "note">): Figures {
  return {
    ...one,
    runs: one.runs + other.runs,
    events: one.events + other.events,
    lost: one.lost + other.lost,
    doubled: one.doubled + other.doubled,
    changed: one.changed + other.changed,
    torn: one.torn + other.torn,
    problems: [...one.problems, ...other.problems].slice(0, PROBLEMS_MAX),
  };
}
