import { messageOf } from "../../errors.ts";
import { didYouMean } from "../nearest-name.ts";
import type { WireField, WireType } from "../wire-type.ts";
import { defaultNode } from "./default-node.ts";
import type { Judge } from "./judged.ts";
import { emptyObject } from "./judge-containers.ts";
import { describeText, type JsonNode } from "./json-node.ts";
import type { Scope } from "./scope.ts";

/**
 * Objects with declared fields: the event itself, or one inside. Absent and null are one thing. `judges` are those of
 * the fields, in their order.
 */
export function judgeObject(type: WireType & { readonly kind: "object" }, judges: readonly Judge[]): Judge {
  const { fields, loose } = type;
  const names = new Set(fields.map((field) => field.name));
  return (node, scope) => {
    if (node.kind !== "object") return scope.wrongType("an object", node);
    if (!loose) refuseUnknown(node.members, names, scope);
    const value = emptyObject();
    const lines: string[] = [];
    for (const [index, field] of fields.entries()) {
      if (scope.full) break;
      scope.inside(field.name, () => {
        const given = node.members.get(field.name);
        const present =
          given !== undefined && (given.kind !== "null" || keepsNull(field)) ? given : undefined;
        const member = present ?? absent(field, given, value, scope);
        const judged = member === undefined ? undefined : judges[index]?.(member, scope);
        if (judged === undefined) return;
        value[field.name] = judged.value;
        lines.push(`${JSON.stringify(field.name)}:${judged.line}`);
      });
    }
    return { value, line: `{${lines.join(",")}}` };
  };
}

/** A required field for any JSON value takes null as a value: nothing else could be meant. */
function keepsNull(field: WireField): boolean {
  return field.column.type.kind === "json" && !field.optional;
}

/** What stands for an absent field: its default, or nothing. */
function absent(
  field: WireField,
  given: JsonNode | undefined,
  value: Record<string, unknown>,
  scope: Scope,
): JsonNode | undefined {
  if (field.defaultValue !== undefined) return defaultOf(field.defaultValue, scope);
  if (!field.optional) {
    return scope.fail(
      "required",
      given === undefined ? "the field is required" : "the field is required, got null",
    );
  }
  if (field.absentAsNull === true) value[field.name] = null;
  return undefined;
}

function defaultOf(defaultValue: () => unknown, scope: Scope): JsonNode | undefined {
  try {
    return defaultNode(defaultValue());
  } catch (error) {
    return scope.fail("check_failed", `the default's function failed: ${messageOf(error)}`);
  }
}

function refuseUnknown(
  members: ReadonlyMap<string, JsonNode>,
  names: ReadonlySet<string>,
  scope: Scope,
): void {
  for (const name of members.keys()) {
    if (names.has(name)) continue;
    if (scope.full) return;
    scope.inside(name, () =>
      scope.fail("unknown_field", `there is no field ${describeText(name)}${didYouMean(name, names)}`),
    );
  }
}
