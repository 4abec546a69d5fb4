import type { ColumnType } from "../column.ts";
import { type Place, refusal } from "./refusal.ts";

/** CloudEvents' own rule for the names of attributes. */
const NAME = /^[a-z0-9]{1,255}$/;
/** Objects around a field of the event itself. */
const TOP = 1;

/**
 * The CloudEvents attribute that `.meta({ cloudevent })` names for a field. Throws `schema_unsupported` for what can't be one, and
 * for a field that no attribute can fill: one inside another value, or of a type that attributes don't have.
 */
export function cloudEventAttribute(
  said: unknown,
  column: ColumnType,
  place: Place,
  objectsAround: number,
): string | undefined {
  if (said === undefined) return undefined;
  if (typeof said !== "string" || !NAME.test(said) || said === "data") {
    throw refusal(
      place,
      `cloudevent ${JSON.stringify(said)} isn't the name of a CloudEvents attribute`,
      "Name one such as time, subject or an extension: lower-case letters and digits",
    );
  }
  if (objectsAround !== TOP || /[[\]{}]$/.test(place.path)) {
    throw refusal(place, "an attribute can't fill a nested value", "Give cloudevent to a field of the event");
  }
  const { kind } = column;
  if (kind === "array" || kind === "map" || kind === "tuple" || kind === "json") {
    throw refusal(
      place,
      "attributes of CloudEvents are texts, numbers or booleans",
      "Give cloudevent to a field of such a type",
    );
  }
  return said;
}
