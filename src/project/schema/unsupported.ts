import type { z } from "zod";
import type { HeadraceError } from "../../errors.ts";
import { type Place, refusal } from "./refusal.ts";
import { checksOf } from "./zod-checks.ts";

const AS_SENT = "Declare what is on the wire; change values before sending or in the endpoint's SQL";
const AS_JSON = "Use z.json() to keep any value as JSON text";

/** Zod types without a column: what is wrong, and the way out. */
const UNSUPPORTED: Readonly<Record<string, readonly [problem: string, wayOut: string]>> = {
  pipe: [".transform(), .pipe(), z.preprocess() and codecs change the value", AS_SENT],
  transform: [".transform() changes the value", AS_SENT],
  coerce: ["z.coerce changes the value", AS_SENT],
  catch: [".catch() would hide bad values", "Leave it out: bad events are kept as rejected, with the reason"],
  union: ["a union has no column of its own", `Use z.enum() for strings, .nullable() for null. ${AS_JSON}`],
  intersection: ["an intersection has no columns of its own", "Use .extend() to join objects"],
  tuple: ["a tuple has no column", `Use z.array() or z.object(). ${AS_JSON}`],
  lazy: ["a z.lazy() type or an object that holds itself has no column", AS_JSON],
  date: ["z.date() isn't JSON", "Use z.iso.datetime() or z.iso.date()"],
  map: ["z.map() isn't JSON", "Use z.record()"],
  set: ["z.set() isn't JSON", "Use z.array()"],
  null: ["z.null() has nothing to store", "Leave the field out, or use .nullable() on a type"],
  custom: [
    "z.custom() and z.instanceof() say nothing about the value",
    `Use a type with .refine(). ${AS_JSON}`,
  ],
};

/** The refusal of a Zod type that has no column. */
export function unsupported(place: Place, type: string): HeadraceError {
  const [problem, wayOut] = UNSUPPORTED[type] ?? [`z.${type}() has no column`, "Use a type of docs/TYPES.md"];
  return refusal(place, problem, wayOut);
}

/** Throws for a check that changes the value: events are stored as they were sent. */
export function refuseOverwrite(schema: z.core.$ZodTypes, place: Place): void {
  if (!checksOf(schema).some((check) => check.check === "overwrite")) return;
  throw refusal(
    place,
    "a check that changes the value (.trim(), .toLowerCase(), .overwrite()…) can't be kept",
    AS_SENT,
  );
}
