import type { ErrorCode } from "../../errors.ts";
import { problemResponses } from "./problem-responses.ts";
import { asksOf } from "./security.ts";

/** An operation as each part of the document declares it. */
export interface Operation {
  readonly operationId: string;
  /** The answers that aren't errors, by status. */
  readonly responses: Readonly<Record<string, unknown>>;
  /** The errors that are its own; those that any operation may answer with are added to all. */
  readonly problems: readonly ErrorCode[];
  /** Headers of its errors, by status, beside those that the errors of all operations have. */
  readonly problemHeaders?: Readonly<Record<number, object>>;
  readonly [member: string]: unknown;
}

export type PathItem = Readonly<Record<string, Operation>>;

/** What the server's shell decides before an operation is asked. */
const ANYWHERE: readonly ErrorCode[] = [
  "bad_request",
  "origin_not_allowed",
  "request_timeout",
  "host_not_allowed",
  "headers_too_large",
  "internal_error",
];
const WITH_TOKEN: readonly ErrorCode[] = ["token_missing", "token_invalid", "token_expired", "rate_limited"];

/** Answered while the server stops, so that whoever watches it sees that. */
const WHILE_DRAINING = ["/livez", "/readyz", "/metrics"];

/** The paths as OpenAPI has them: what each operation asks of its caller, and every error that it may answer with. */
export function completePaths(paths: Readonly<Record<string, PathItem>>): Record<string, unknown> {
  return mapValues(paths, (item, path) =>
    mapValues(item, ({ problems, problemHeaders = {}, ...operation }, method) => {
      const { asks, security } = asksOf(path, method);
      const codes: readonly ErrorCode[] = [
        ...problems,
        ...(asks === "nothing" ? [] : WITH_TOKEN),
        ...(asks === "scope" ? (["scope_missing"] as const) : []),
        ...(WHILE_DRAINING.includes(path) ? [] : (["draining"] as const)),
        ...ANYWHERE,
      ];
      const responses = { ...problemResponses(codes, problemHeaders), ...operation.responses };
      return { ...operation, responses, security };
    }),
  );
}

function mapValues<From, To>(
  values: Readonly<Record<string, From>>,
  map: (value: From, name: string) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value, name)]));
}
