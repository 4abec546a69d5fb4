import { HeadraceError } from "../../errors.ts";

/** Where in a declaration something is: for messages. */
export interface Place {
  readonly stream: string;
  /** "" for the event itself, "address.city", "tags[]" for the items of an array. */
  readonly path: string;
}

/** The place of a field, of an array's items (`[]`) or of a record's values (`{}`). */
export function inside(place: Place, step: string): Place {
  const dot = place.path === "" || step === "[]" || step === "{}" ? "" : ".";
  return { stream: place.stream, path: `${place.path}${dot}${step}` };
}

/** A `schema_unsupported` error that names the field and the way out. */
export function refusal(place: Place, problem: string, wayOut: string): HeadraceError {
  const where = place.path === "" ? "" : `, field "${place.path}"`;
  return new HeadraceError("schema_unsupported", `Stream "${place.stream}"${where}: ${problem}. ${wayOut}.`);
}
