import { pipeline, Readable, type Transform } from "node:stream";
import { finished } from "node:stream/promises";
import { createDeflate } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KIB } from "../../units.ts";
import { COMPRESS_FROM, compressorOf } from "../answer.ts";
import type { BegunAnswer, StreamedParts } from "../begin-answer.ts";
import { negotiateEncoding } from "../negotiate.ts";
import { FrameWriter } from "./compressed-frames.ts";

/** What the system takes off our hands at once; with a larger answer a client can make us wait. */
const LARGE_ANSWER = 256 * KIB;

export interface SendOptions {
  /** ClickHouse's own compressed frames. */
  readonly framed: boolean;
  readonly httpCompression: boolean;
  /** Milliseconds after which a client that takes nothing is cut off. */
  readonly stalledMax: number;
  /** What is put at the end of an answer that fails after it has begun. */
  readonly lastWords: (error: unknown) => Buffer;
}

/** Sends an answer, whose headers are set but for its encoding. */
export async function sendAnswer(
  begun: BegunAnswer,
  request: FastifyRequest,
  reply: FastifyReply,
  options: SendOptions,
): Promise<FastifyReply> {
  const { framed, httpCompression, stalledMax } = options;
  if (begun.kind === "large" || begun.body.length > LARGE_ANSWER) {
    reply.raw.setTimeout(stalledMax, () => reply.raw.socket?.resetAndDestroy());
  }
  const isWorthIt = begun.kind === "large" || begun.body.length >= COMPRESS_FROM;
  const encoder =
    httpCompression && isWorthIt ? encoderOf(request.headers["accept-encoding"], reply) : undefined;
  if (begun.kind === "whole") {
    const body = framed ? framedWhole(begun.body) : begun.body;
    if (encoder === undefined) return reply.send(body);
    return reply.send(Readable.from([body], { objectMode: false }).pipe(encoder));
  }
  if (request.method === "HEAD" || reply.raw.destroyed) {
    await begun.parts.return();
    return reply.send();
  }
  reply.hijack();
  reply.raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
  await pump(begun.parts, reply, encoder, options);
  return reply;
}

/** A buffer in frames, as ClickHouse's clients read them with `compress=1`. */
export function framedWhole(body: Buffer): Buffer {
  const writer = new FrameWriter();
  return Buffer.concat([writer.push(body), writer.end()]);
}

/** Like ClickHouse, also deflate, which few ask for alone. */
function encoderOf(accept: string | undefined, reply: FastifyReply): Transform | undefined {
  const encoding = negotiateEncoding(accept);
  const named = encoding ?? (/(?:^|[\s,])deflate\s*(?:,|$)/i.test(accept ?? "") ? "deflate" : undefined);
  if (named === undefined) return undefined;
  void reply.header("content-encoding", named);
  return encoding === undefined ? createDeflate() : compressorOf(encoding);
}

/**
 * Sends a large answer as fast as the client takes it. When it fails on the way, what went wrong is sent as ClickHouse
 * does, and the connection is closed before the answer's end, so that a client that doesn't look for it can't take a part for
 * the whole.
 */
async function pump(
  parts: StreamedParts,
  reply: FastifyReply,
  encoder: Transform | undefined,
  { framed, lastWords }: SendOptions,
): Promise<void> {
  const { raw } = reply;
  let failed = false;
  const frames = framed ? new FrameWriter() : undefined;
  async function* bytes(): AsyncGenerator<Buffer> {
    try {
      for await (const part of parts) yield frames === undefined ? part : frames.push(part);
    } catch (error) {
      failed = true;
      const last = lastWords(error);
      yield frames === undefined ? last : frames.push(last);
    }
    if (frames !== undefined) yield frames.end();
  }
  const source = Readable.from(bytes(), { objectMode: false });
  // The failure of one end reaches the other.
  const stream = encoder === undefined ? source : pipeline(source, encoder, () => {});
  // Also while it waits for the engine's next bytes.
  raw.once("close", () => source.destroy());
  stream.pipe(raw, { end: false });
  try {
    await finished(stream);
  } catch {
    failed = true;
  } finally {
    await parts.return();
  }
  if (failed) raw.socket?.destroySoon();
  else raw.end();
}
