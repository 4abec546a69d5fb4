import { Readable, pipeline } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KIB, SECOND } from "../units.ts";
import { COMPRESS_FROM, compressorOf } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { CONTENT_TYPES, negotiateEncoding } from "./negotiate.ts";
import type { AnswerFormat, ContentEncoding } from "./negotiate.ts";
import type { StreamedParts } from "./begin-answer.ts";
import type { EndpointOutcome } from "./run-endpoint.ts";

/** A client that takes nothing of a large answer for this long loses the connection, and with it what waits for it. */
export const STALLED_CLIENT_MAX = 30 * SECOND;

/** What the system takes off our hands at once; with a larger answer a client can make us wait. */
const LARGE_ANSWER = 256 * KIB;

/** A name for whoever saves the answer: bytes that aren't text are of no use in a browser's window. */
export function nameDownload(reply: FastifyReply, format: AnswerFormat, name: string): void {
  if (format !== "parquet" && format !== "arrow") return;
  void reply.header("content-disposition", `attachment; filename="${name}.${format}"`);
}

/**
 * Sends an endpoint's answer: whole, as a stream, or as 304.
 * @param stalledMax Milliseconds; `STALLED_CLIENT_MAX` unless a test can't wait.
 */
export async function sendOutcome(
  outcome: EndpointOutcome,
  format: AnswerFormat,
  request: FastifyRequest,
  reply: FastifyReply,
  stalledMax: number,
): Promise<FastifyReply> {
  void reply.header("vary", "accept, accept-encoding");
  // Anyone's cache may keep it, but has to ask each time whether it still holds.
  void reply.header("cache-control", "private, no-cache");
  if (outcome.kind === "unchanged") return reply.header("etag", outcome.etag).code(304).send();
  void reply.header("content-type", CONTENT_TYPES[format]);
  if (outcome.kind === "streamed" || outcome.answer.body.length > LARGE_ANSWER) {
    reply.raw.setTimeout(stalledMax, () => reply.raw.socket?.resetAndDestroy());
  }
  return outcome.kind === "whole"
    ? sendWhole(outcome.answer, request, reply)
    : sendStreamed(outcome, format, request, reply);
}

async function sendWhole(
  answer: Answer,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  void reply.header("etag", answer.etag);
  const encoding =
    answer.body.length < COMPRESS_FROM
      ? undefined
      : negotiateEncoding(request.headers["accept-encoding"], answer.format);
  if (encoding === undefined) return reply.send(answer.body);
  void reply.header("content-encoding", encoding);
  return reply.send(answer.compressed(encoding) ?? (await answer.compress(encoding)));
}

async function sendStreamed(
  { parts, etag }: Extract<EndpointOutcome, { kind: "streamed" }>,
  format: AnswerFormat,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (etag !== undefined) void reply.header("etag", etag);
  const encoding = negotiateEncoding(request.headers["accept-encoding"], format);
  if (encoding !== undefined) void reply.header("content-encoding", encoding);
  if (request.method === "HEAD" || reply.raw.destroyed) {
    await parts.return();
    return reply.send();
  }
  return reply.send(streamOf(parts, encoding, reply));
}

/**
 * The parts as a stream that is read only as fast as the client takes it. When one of them fails, the connection is
 * reset: even a client that doesn't know chunked encoding must not take a part for the whole.
 */
function streamOf(
  parts: StreamedParts,
  encoding: ContentEncoding | undefined,
  reply: FastifyReply,
): Readable {
  const source = Readable.from(parts, { objectMode: false });
  source.once("error", () => reply.raw.socket?.resetAndDestroy());
  if (encoding === undefined) return source;
  // The failure of one end reaches the other; Fastify looks after the end that it is given.
  return pipeline(source, compressorOf(encoding), () => {});
}
