import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { defaultNode } from "../validate/default-node.ts";
import { judgeOf } from "../validate/judge.ts";
import { Scope } from "../validate/scope.ts";
import { messageOfIssue } from "../validate/zod-errors.ts";
import type { WireType } from "../wire-type.ts";
import { type Place, refusal } from "./refusal.ts";

/**
 * Checks a default as though a producer had sent it: one that doesn't fit would reject every event that relies on it.
 * Zod itself takes defaults unseen. Throws `schema_unsupported`.
 */
export function checkDefault(
  schema: z.core.$ZodType,
  type: WireType,
  defaultValue: () => unknown,
  place: Place,
): void {
  const problem = problemOf(schema, type, defaultValue);
  if (problem === undefined) return;
  throw refusal(
    place,
    `the default doesn't fit the type: ${problem}`,
    "Give a default that an event could have sent",
  );
}

function problemOf(schema: z.core.$ZodType, type: WireType, defaultValue: () => unknown): string | undefined {
  try {
    const value = defaultValue();
    const scope = new Scope();
    judgeOf(type)(defaultNode(value), scope);
    const [judged] = scope.errors;
    if (judged !== undefined) return `${judged.path} ${judged.message}`.trim();
    const parsed = z.safeParse(schema, value, { error: messageOfIssue });
    return parsed.error?.issues[0]?.message;
  } catch (error) {
    return messageOf(error);
  }
}
