import { ERRORS } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { JsonSchema } from "./json-schema.ts";

/** What any route may answer: the server's shell decides it before a route is asked. */
const ANYWHERE: readonly ErrorCode[] = [
  "bad_request",
  "origin_not_allowed",
  "host_not_allowed",
  "headers_too_large",
  "draining",
  "internal_error",
];

/** What a route may answer that asks for a token. */
const WITH_TOKENS: readonly ErrorCode[] = [
  "token_missing",
  "token_invalid",
  "token_expired",
  "scope_missing",
  "rate_limited",
];

/** The responses for the errors that a route may answer with, by status, each with its codes. */
export function problemResponses(...codes: readonly ErrorCode[]): Record<string, unknown> {
  return openProblemResponses(...codes, ...WITH_TOKENS);
}

/** The same of a route that asks nobody for a token. */
export function openProblemResponses(...codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of [...codes, ...ANYWHERE]) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const statuses = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(statuses.map(([status, same]) => [String(status), problemResponse(same)]));
}

function problemResponse(codes: readonly ErrorCode[]) {
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" "),
    ...headersOf(codes),
    content: {
      "application/problem+json": {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Problem" },
            { type: "object", properties: { code: { enum: codes } } },
          ],
        },
      },
    },
  };
}

/** The headers that come with the errors of one status. */
function headersOf([code]: readonly ErrorCode[]) {
  const headers = code === undefined ? undefined : STATUS_HEADERS[ERRORS[code].status];
  return headers === undefined ? {} : { headers };
}

const STATUS_HEADERS: Readonly<Record<number, object>> = {
  401: { "WWW-Authenticate": { description: "As RFC 6750 has it.", schema: { type: "string" } } },
  429: { "Retry-After": { description: "Seconds to wait.", schema: { type: "integer" } } },
};

/** An error answer, as RFC 9457 says it. */
export const PROBLEM_SCHEMA: JsonSchema = {
  type: "object",
  description:
    "An error (RFC 9457). Errors may have further members, such as `parameter`, `nearest` or `errors`.",
  required: ["type", "title", "status", "detail", "code", "advice"],
  properties: {
    type: { type: "string", description: "`urn:headrace:error:` and the code." },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What was wrong with this very request." },
    instance: { type: "string", description: "`urn:headrace:request:` and the id of the request." },
    code: { type: "string", description: "Stable: programs decide by it." },
    advice: { type: "string", description: "What to do about it." },
  },
};
