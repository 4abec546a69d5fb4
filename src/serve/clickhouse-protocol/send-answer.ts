import { pipeline, Readable, type Transform } from "node:stream";
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
    return encoder === undefined ? reply.send(body) : reply.send(encoded(Readable.from([body]), encoder));
  }
  if (request.method === "HEAD" || reply.raw.destroyed) {
    await begun.parts.return();
    return reply.send();
  }
  const source = Readable.from(withLastWords(begun.parts, reply, options), { objectMode: false });
  return reply.send(encoder === undefined ? source : encoded(source, encoder));
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
 * The parts of a large answer. When they fail on the way, what went wrong is sent as ClickHouse does, and the connection is closed
 * before the answer's end, so that a client that doesn't look for it can't take a part for the whole.
 */
async function* withLastWords(
  parts: StreamedParts,
  { raw }: FastifyReply,
  { framed, lastWords }: SendOptions,
): AsyncGenerator<Buffer> {
  const frames = framed ? new FrameWriter() : undefined;
  const packed = (bytes: Buffer): Buffer => frames?.push(bytes) ?? bytes;
  try {
    for await (const part of parts) yield packed(part);
  } catch (error) {
    // Whatever is between here and the connection ends properly; the connection doesn't.
    raw.end = () => {
      raw.socket?.destroySoon();
      return raw;
    };
    yield packed(lastWords(error));
  }
  if (frames !== undefined) yield frames.end();
}

function encoded(source: Readable, encoder: Transform): Transform {
  // The failure of one end reaches the other.
  return pipeline(source, encoder, () => {});
}
