import { HeadraceError } from "../errors.ts";

/** ISO 8601, a date or a time with its zone: what has no zone could mean many instants. */
const INSTANT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** Milliseconds since 1970. Throws `bad_parameter`. */
export function instantOf(parameter: string, text: string): number {
  const time = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (time >= 0) return time;
  throw new HeadraceError(
    "bad_parameter",
    `${parameter} must be a date or a time with its zone, such as 2026-01-31 or 2026-01-31T12:00:00Z`,
    { details: { parameter } },
  );
}
