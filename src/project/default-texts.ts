import type { Stream } from "./declarations.ts";
import { eventTypeOf } from "./schema/stream-schema.ts";
import { defaultNode } from "./validate/default-node.ts";
import { judgeOf } from "./validate/judge.ts";
import { Scope } from "./validate/scope.ts";
import type { WireField } from "./wire-type.ts";

/**
 * The declared defaults as they would be stored, by field, each as JSON text. A default that differs from event to event
 * (a random id, the time) isn't among them: no one value would be right for many events.
 */
export function defaultTexts(stream: Stream): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const field of eventTypeOf(stream.zod, stream.name).fields) {
    const text = textOf(field);
    if (text !== undefined && text === textOf(field)) texts.set(field.name, text);
  }
  return texts;
}

function textOf({ type, defaultValue }: WireField): string | undefined {
  if (defaultValue === undefined) return undefined;
  return judgeOf(type)(defaultNode(defaultValue()), new Scope())?.line;
}
