import type { Stream } from "../../project/declarations.ts";
import { eventTypeOf } from "../../project/schema/stream-schema.ts";
import type { WireField, WireType } from "../../project/wire-type.ts";

/**
 * What of a stream's events only Zod can judge, which takes several times longer than the validator that is generated
 * from the schema: paths of fields such as "address.zip", or "" for a refinement of the whole event.
 */
export function slowFields(stream: Stream): readonly string[] {
  const event = eventTypeOf(stream.zod, stream.name);
  return [...(event.slow ? [""] : []), ...event.fields.flatMap((field) => slowPaths(field, ""))];
}

function slowPaths(field: WireField, parent: string): readonly string[] {
  const path = `${parent}${field.name}`;
  if (isSlow(field.type)) return [path];
  if (field.type.kind !== "object") return [];
  return field.type.fields.flatMap((inner) => slowPaths(inner, `${path}.`));
}

/** Whether the value itself is, or what is in an array or a record; an object's fields are looked at one by one. */
function isSlow(type: WireType): boolean {
  if (type.kind === "string") return type.slow === true;
  if (type.kind === "array") return isSlow(type.element.type) || slowInside(type.element.type);
  if (type.kind === "map") return isSlow(type.value.type) || slowInside(type.value.type);
  return type.kind === "slow";
}

function slowInside(type: WireType): boolean {
  return type.kind === "object" && type.fields.some((field) => isSlow(field.type) || slowInside(field.type));
}
