import type { WireType } from "../wire-type.ts";
import { formatDatetime, parseDate, parseDatetime } from "./datetime.ts";
import type { Judge } from "./judged.ts";
import { describeNode } from "./json-node.ts";
import { dayProblem, instantProblem } from "./time-ranges.ts";

/** Days: "yyyy-mm-dd" of the calendar. */
export function judgeDate(narrow: boolean): Judge {
  const expected = 'a date such as "2001-02-03"';
  return (node, scope) => {
    if (node.kind !== "string") return scope.wrongType(expected, node);
    if (parseDate(node.value) === undefined) return scope.expected("invalid_format", expected, node);
    const problem = dayProblem(node.value, narrow);
    if (problem !== undefined) return scope.fail("out_of_range", `${problem}, got ${describeNode(node)}`);
    return { value: node.value, line: JSON.stringify(node.value) };
  };
}

/** Instants: written in UTC, with exactly the digits that the column keeps. */
export function judgeDatetime(type: WireType & { readonly kind: "datetime" }): Judge {
  const { precision, narrow = false } = type;
  const expected = `a datetime such as "${example(type)}"`;
  return (node, scope) => {
    if (node.kind !== "string") return scope.wrongType(expected, node);
    const instant = parseDatetime(node.value);
    if (instant === undefined || !takesZone(type, instant.zone)) {
      return scope.expected("invalid_format", expected, node);
    }
    const problem = instantProblem(instant, precision, narrow);
    if (problem !== undefined) return scope.fail("out_of_range", `${problem}, got ${describeNode(node)}`);
    if (instant.fraction.length > precision) {
      return scope.expected("not_exact", `at most ${precision} digits of a second`, node);
    }
    return { value: node.value, line: JSON.stringify(`${formatDatetime(instant, precision)}Z`) };
  };
}

function takesZone(type: WireType & { readonly kind: "datetime" }, zone: string): boolean {
  if (zone === "Z") return true;
  return zone === "" ? type.local : type.offset;
}

function example({ precision, offset, local }: WireType & { readonly kind: "datetime" }): string {
  const fraction = precision === 0 ? "" : `.${"678901234".slice(0, precision)}`;
  const zone = offset ? "+01:00" : local ? "" : "Z";
  return `2001-02-03T04:05:06${fraction}${zone}`;
}
