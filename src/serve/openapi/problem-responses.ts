import { ERRORS } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { JsonSchema } from "./json-schema.ts";

/** The responses for the errors that an operation may answer with, by status, each with its codes. */
export function problemResponses(
  codes: readonly ErrorCode[],
  moreHeaders: Readonly<Record<number, object>>,
): Record<string, unknown> {
  const byStatus = Map.groupBy(new Set(codes), (code) => ERRORS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => {
      const headers = { ...STATUS_HEADERS[status], ...moreHeaders[status] };
      return [String(status), problemResponse(same, headers)];
    }),
  );
}

function problemResponse(codes: readonly ErrorCode[], headers: object) {
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" "),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
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

const RETRY_AFTER = { description: "Seconds to wait.", schema: { type: "integer" } };
const CHALLENGE = { description: "As RFC 6750 has it.", schema: { type: "string" } };

/** The headers that come with the errors of one status. */
const STATUS_HEADERS: Readonly<Record<number, object>> = {
  401: { "WWW-Authenticate": { required: true, ...CHALLENGE } },
  // Only where it is for the lack of a scope.
  403: { "WWW-Authenticate": CHALLENGE },
  409: { "Retry-After": { required: true, ...RETRY_AFTER } },
  429: { "Retry-After": { required: true, ...RETRY_AFTER } },
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
