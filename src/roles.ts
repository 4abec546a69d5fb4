/** The parts of Headrace that a process can run: see `HEADRACE_ROLES`. */
export const ROLES = ["ingest", "load", "serve"] as const;

export type Role = (typeof ROLES)[number];
