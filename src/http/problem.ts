import type { FastifyReply } from "fastify";
import { ERRORS, HeadraceError, messageOf, type ErrorCode } from "../errors.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** An error as RFC 9457 says it. `details` of the error are further members. */
export interface Problem {
  /** `urn:headrace:error:<code>`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What was wrong in this very request. */
  readonly detail: string;
  /** `urn:headrace:request:<id>`; the id is also in the header X-Request-Id and in the server's log. */
  readonly instance?: string;
  readonly code: ErrorCode;
  /** What to do about it. */
  readonly advice: string;
  readonly [member: string]: unknown;
}

/** The problem document of an error. What went wrong inside the server stays in its log. */
export function problemOf(error: HeadraceError, requestId?: string): Problem {
  const { status, title, advice } = ERRORS[error.code];
  const standard = {
    type: `urn:headrace:error:${error.code}`,
    title,
    status,
    detail: error.code === "internal_error" ? title : error.message,
    ...(requestId === undefined ? {} : { instance: `urn:headrace:request:${requestId}` }),
    code: error.code,
    advice,
  };
  // Named first so that people read them first, and last so that no detail takes their place.
  return { ...standard, ...error.details, ...standard };
}

/** A 429 always says how long to wait, also where nobody knows better. Seconds. */
const RETRY_AFTER_DEFAULT = 1;

export function sendProblem(reply: FastifyReply, error: HeadraceError): FastifyReply {
  const retryAfter = error.retryAfterSeconds ?? (error.status === 429 ? RETRY_AFTER_DEFAULT : undefined);
  if (retryAfter !== undefined) void reply.header("retry-after", retryAfter);
  return reply
    .code(error.status)
    .header("content-type", PROBLEM_TYPE)
    .header("cache-control", "no-store")
    .send(JSON.stringify(problemOf(error, reply.request.id)));
}

/** Our word for each error that Fastify raises by itself. */
const FASTIFY_ERRORS: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_BAD_URL: "bad_request",
  FST_ERR_MAX_PARAM_LENGTH: "unknown_route",
  FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
  FST_ERR_CTP_EMPTY_JSON_BODY: "body_unreadable",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "body_unreadable",
  FST_ERR_CTP_INVALID_JSON_BODY: "body_unreadable",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_VALIDATION: "bad_parameter",
};

/** Whatever a route or Fastify threw, as an error of ours. */
export function errorOfRequest(thrown: unknown): HeadraceError {
  if (thrown instanceof HeadraceError) return thrown;
  const { code, statusCode } = fastifyFields(thrown);
  const known = code === undefined ? undefined : FASTIFY_ERRORS[code];
  if (known !== undefined) return new HeadraceError(known, messageOf(thrown), { cause: thrown });
  const clientsFault = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  return new HeadraceError(clientsFault ? "bad_request" : "internal_error", messageOf(thrown), {
    cause: thrown,
  });
}

function fastifyFields(thrown: unknown): { code?: string; statusCode?: number } {
  if (!(thrown instanceof Error)) return {};
  return {
    ...("code" in thrown && typeof thrown.code === "string" ? { code: thrown.code } : {}),
    ...("statusCode" in thrown && typeof thrown.statusCode === "number"
      ? { statusCode: thrown.statusCode }
      : {}),
  };
}
