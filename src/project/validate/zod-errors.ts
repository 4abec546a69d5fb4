import { z } from "zod";
import type { EventError } from "../event-validator.ts";
import type { EventErrorCode } from "./event-error-codes.ts";
import { counted, describeText, pointer } from "./json-node.ts";

/**
 * Runs the checks that only Zod knows. Fields that are wrong already are left out of `value`: what Zod says about them
 * and about what holds them is not reported.
 */
export function zodErrors(
  schema: z.core.$ZodType,
  value: unknown,
  wrong: readonly EventError[],
): readonly EventError[] {
  let result: z.core.util.SafeParseResult<unknown>;
  try {
    result = z.safeParse(schema, value, { error: messageOfIssue });
  } catch (error) {
    return wrong.length > 0 ? [] : [{ path: "", code: "check_failed", message: thrownMessage(error) }];
  }
  if (result.success) return [];
  return result.error.issues
    .map(toEventError)
    .filter((error) => !wrong.some((other) => touches(error, other)));
}

/** One error per issue of Zod's, with our codes. A message that the schema gives itself stays. */
export function toEventError(issue: z.core.$ZodIssue): EventError {
  return { path: pointer(issue.path), code: codeOf(issue), message: issue.message };
}

/** The message for what Zod found, unless the schema has one of its own. */
export function messageOfIssue(issue: z.core.$ZodRawIssue): string {
  const got = `, got ${describeInput(issue.input)}`;
  switch (issue.code) {
    case "invalid_type":
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}${got}`;
    case "too_small":
      return `expected ${bound(issue.origin, issue.minimum, issue.inclusive ?? true, ["at least", "more than"])}${got}`;
    case "too_big":
      return `expected ${bound(issue.origin, issue.maximum, issue.inclusive ?? true, ["at most", "less than"])}${got}`;
    case "not_multiple_of":
      return `expected a multiple of ${issue.divisor}${got}`;
    case "invalid_value":
      return `expected ${issue.values.map((value) => quoted(value)).join(" or ")}${got}`;
    case "invalid_format":
      return `expected ${formatName(issue)}${got}`;
    case "invalid_union":
      return `the schema takes no such value${got}`;
    case "invalid_key":
      return "the schema takes no such key";
    case "invalid_element":
    case "unrecognized_keys":
    case "custom":
      break;
  }
  return "a check of the schema fails";
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "an integer",
  bigint: "an integer",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  record: "an object",
};

const FORMAT_NAMES: Readonly<Record<string, string>> = {
  date: 'a date such as "2001-02-03"',
  datetime: 'a datetime such as "2001-02-03T04:05:06Z"',
  time: "a time of day",
  email: "an email address",
  url: "a URL",
  uuid: "a UUID",
  guid: "a UUID",
  ipv4: "an IPv4 address",
  ipv6: "an IPv6 address",
};

function formatName(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidStringFormat>): string {
  const known = FORMAT_NAMES[issue.format];
  if (known !== undefined) return known;
  const { prefix, suffix, includes, pattern } = issue as Readonly<Record<string, unknown>>;
  if (issue.format === "starts_with") return `a string that starts with ${quoted(prefix)}`;
  if (issue.format === "ends_with") return `a string that ends with ${quoted(suffix)}`;
  if (issue.format === "includes") return `a string with ${quoted(includes)} in it`;
  if (issue.format === "regex") return `a string that matches ${String(pattern)}`;
  return `the format ${issue.format}`;
}

function bound(
  origin: string,
  limit: number | bigint,
  inclusive: boolean,
  [including, excluding]: readonly [string, string],
): string {
  const words = inclusive ? including : excluding;
  if (origin === "string") return `${words} ${counted(limit, "character")}`;
  if (origin === "array" || origin === "set") return `${words} ${counted(limit, "item")}`;
  return `a number of ${words} ${limit}`;
}

function codeOf(issue: z.core.$ZodIssue): EventErrorCode {
  switch (issue.code) {
    case "too_small":
      return isCounted(issue.origin) ? "too_short" : "out_of_range";
    case "too_big":
      return isCounted(issue.origin) ? "too_long" : "out_of_range";
    case "invalid_type":
    case "invalid_format":
    case "invalid_value":
      return issue.code;
    case "unrecognized_keys":
      return "unknown_field";
    case "invalid_union":
      return "invalid_type";
    case "invalid_key":
    case "invalid_element":
    case "not_multiple_of":
    case "custom":
      break;
  }
  return "check_failed";
}

function isCounted(origin: string): boolean {
  return origin === "string" || origin === "array";
}

function describeInput(input: unknown): string {
  if (typeof input === "string") return describeText(input);
  if (Array.isArray(input)) return `an array of ${input.length}`;
  if (input === undefined) return "nothing";
  if (typeof input === "number" || typeof input === "bigint" || typeof input === "boolean")
    return String(input);
  return input === null ? "null" : "an object";
}

function quoted(value: unknown): string {
  return typeof value === "string" ? describeText(value) : String(value);
}

/** Whether one error is about the other's value, something in it or something around it. */
function touches(a: EventError, b: EventError): boolean {
  return a.path === b.path || a.path.startsWith(`${b.path}/`) || b.path.startsWith(`${a.path}/`);
}

function thrownMessage(error: unknown): string {
  if (error instanceof z.core.$ZodAsyncError)
    return "a check of the schema is asynchronous, which events can't wait for";
  return `a check of the schema throws: ${error instanceof Error ? error.message : String(error)}`;
}
