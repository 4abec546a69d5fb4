import type { WireType, WireValue } from "../wire-type.ts";
import { judgeArray, judgeMap } from "./judge-containers.ts";
import { judgeObject } from "./judge-object.ts";
import { judgeDecimal, judgeFloat, judgeInteger } from "./judge-numbers.ts";
import { judgeDate, judgeDatetime } from "./judge-times.ts";
import type { Judge, Judged } from "./judged.ts";

/** The judge of a wire type: what the column needs, beside which Zod runs its own checks. */
export function judgeOf(type: WireType): Judge {
  switch (type.kind) {
    case "string":
      return judgeText("a string", (value) => value);
    case "enum":
      return judgeEnum(type.values);
    case "boolean":
      return judgeBoolean;
    case "int":
      return judgeInteger(type);
    case "float":
      return judgeFloat(type.bits);
    case "decimal":
      return judgeDecimal(type);
    case "date":
      return judgeDate(type.narrow ?? false);
    case "datetime":
      return judgeDatetime(type);
    case "uuid":
      return judgeText("a UUID", (value) => (UUID.test(value) ? value.toLowerCase() : undefined));
    case "ipv4":
      return judgeText("an IPv4 address", (value) => (IPV4.test(value) ? value : undefined));
    case "ipv6":
      return judgeText("an IPv6 address", (value) => (isIpv6(value) ? value : undefined));
    case "json":
      return judgeJson;
    case "array":
      return judgeArray(type, judgeValue(type.element));
    case "map":
      return judgeMap(judgeValue(type.value));
    case "object":
      return judgeObject(
        type,
        type.fields.map((field) => judgeOf(field.type)),
      );
    case "slow":
      break;
  }
  return judgeOf(type.type);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]\d|\d)(?:\.(?!$)|$)){4}$/;

/** Without a zone ("%eth0"), which the column has no place for. */
function isIpv6(text: string): boolean {
  return /^[0-9a-f:.]{2,45}$/i.test(text) && URL.canParse(`http://[${text}]`);
}

/** An item of an array or a value of a record, for which null may stand. */
function judgeValue(value: WireValue): Judge {
  const judge = judgeOf(value.type);
  if (!value.nullable) return judge;
  const absent: Judged = { value: value.absentAsNull === true ? null : undefined, line: "null" };
  return (node, scope) => (node.kind === "null" ? absent : judge(node, scope));
}

/** Judges a string; `convert` gives the text to store, or undefined when it hasn't the form. */
function judgeText(expected: string, convert: (value: string) => string | undefined): Judge {
  return (node, scope) => {
    if (node.kind !== "string") return scope.wrongType(expected, node);
    const text = convert(node.value);
    if (text === undefined) return scope.expected("invalid_format", expected, node);
    return { value: node.value, line: JSON.stringify(text) };
  };
}

function judgeEnum(values: readonly string[]): Judge {
  const known = new Set(values);
  const expected = `one of ${values
    .slice(0, VALUES_SHOWN_MAX)
    .map((value) => JSON.stringify(value))
    .join(", ")}`;
  const all = values.length > VALUES_SHOWN_MAX ? `${expected}…` : expected;
  return (node, scope) => {
    if (node.kind !== "string") return scope.wrongType(all, node);
    if (!known.has(node.value)) return scope.expected("invalid_value", all, node);
    return { value: node.value, line: JSON.stringify(node.value) };
  };
}

/** Values of an enum that a message lists. */
const VALUES_SHOWN_MAX = 10;

const judgeBoolean: Judge = (node, scope) => {
  if (node.kind !== "boolean") return scope.wrongType("true or false", node);
  return { value: node.value, line: String(node.value) };
};

/** The value's own characters are kept, so that nothing in them is rounded. */
const judgeJson: Judge = (node) => {
  const text = node.source.slice(node.start, node.end);
  return { value: JSON.parse(text), line: JSON.stringify(text) };
};
