import type { WireType } from "../wire-type.ts";
import { counted } from "./json-node.ts";
import type { Judge, Judged } from "./judged.ts";

/** Arrays. */
export function judgeArray({ min, max }: WireType & { readonly kind: "array" }, judge: Judge): Judge {
  return (node, scope) => {
    if (node.kind !== "array") return scope.wrongType("an array", node);
    const count = node.items.length;
    if (min !== undefined && count < min)
      return scope.fail("too_short", `expected at least ${counted(min, "item")}, got ${count}`);
    if (max !== undefined && count > max)
      return scope.fail("too_long", `expected at most ${counted(max, "item")}, got ${count}`);
    const judged: (Judged | undefined)[] = [];
    for (const [index, item] of node.items.entries()) {
      if (scope.full) break;
      judged.push(scope.inside(index, () => judge(item, scope)));
    }
    return {
      value: judged.map((each) => each?.value),
      line: `[${judged.map((each) => each?.line ?? "").join(",")}]`,
    };
  };
}

/** Records: any key, values of one type. */
export function judgeMap(judge: Judge): Judge {
  return (node, scope) => {
    if (node.kind !== "object") return scope.wrongType("an object", node);
    const value = emptyObject();
    const lines: string[] = [];
    for (const [key, member] of node.members) {
      if (scope.full) break;
      const judged = scope.inside(key, () => judge(member, scope));
      value[key] = judged?.value;
      lines.push(`${JSON.stringify(key)}:${judged?.line ?? ""}`);
    }
    return { value, line: `{${lines.join(",")}}` };
  };
}

/** An object without a prototype, in which `__proto__` and `constructor` are names like any other. */
export function emptyObject(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}
