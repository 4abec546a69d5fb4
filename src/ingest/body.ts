import type { IncomingMessage } from "node:http";
import { Decompression } from "./decompression.ts";
import { GrowingBuffer, tooLarge, unreadable, type BodyLimits } from "./growing-buffer.ts";
import type { MemoryShare } from "./in-flight-bytes.ts";
import type { ContentEncoding, RequestHead } from "./request-head.ts";

type BodyHead = Pick<RequestHead, "encoding" | "contentLength">;

/**
 * Reads a body whole and decompressed into one buffer, which belongs to the caller alone. What is held never exceeds the
 * limits, whatever the body decompresses to.
 *
 * @throws HeadraceError `body_too_large`, `body_unreadable` (badly compressed, or the connection ended), `overloaded`.
 */
export function readBody(
  raw: IncomingMessage,
  head: BodyHead,
  limits: BodyLimits,
  memory: MemoryShare,
): Promise<Buffer> {
  const { encoding, contentLength } = head;
  if (contentLength !== undefined && contentLength > limits.bodyBytesMax) {
    return Promise.reject(tooLarge("bodyBytesMax", limits));
  }
  return encoding === "identity"
    ? readPlain(raw, contentLength, limits, memory)
    : readCompressed(raw, encoding, limits, memory);
}

/** Lets the rest of a body that nobody wants go by, so that the answer is read and the connection can be used again. */
export function discardRest(raw: IncomingMessage): void {
  if (!raw.complete && !raw.destroyed) raw.resume();
}

function readPlain(
  raw: IncomingMessage,
  contentLength: number | undefined,
  limits: BodyLimits,
  memory: MemoryShare,
): Promise<Buffer> {
  const limit = limits.bodyBytesMax <= limits.decompressedBytesMax ? "bodyBytesMax" : "decompressedBytesMax";
  const buffer = new GrowingBuffer(contentLength, limit, limits, memory);
  return new Promise((resolve, reject) => {
    listen(raw, {
      chunk: (chunk) => buffer.add(chunk),
      end: () => resolve(buffer.whole()),
      failed: reject,
    });
  });
}

async function readCompressed(
  raw: IncomingMessage,
  encoding: Exclude<ContentEncoding, "identity">,
  limits: BodyLimits,
  memory: MemoryShare,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const buffer = new GrowingBuffer(undefined, "decompressedBytesMax", limits, memory);
  const decompression = new Decompression(encoding, (chunk) => buffer.add(chunk), reject);
  let received = 0;
  const stop = listen(raw, {
    chunk: (chunk) => {
      received += chunk.length;
      if (received > limits.bodyBytesMax) throw tooLarge("bodyBytesMax", limits);
      raw.pause();
      decompression.write(chunk, () => raw.resume());
    },
    end: () => decompression.end(() => resolve(buffer.whole())),
    failed: reject,
  });
  try {
    return await promise;
  } finally {
    stop();
    decompression.destroy();
  }
}

interface BodyListener {
  /** May throw, and gets no more then. */
  chunk(chunk: Buffer): void;
  end(): void;
  failed(error: unknown): void;
}

/** @returns A function that ends the listening. */
function listen(raw: IncomingMessage, listener: BodyListener): () => void {
  const stop = (): void => {
    raw.off("data", onData).off("end", onEnd).off("close", onClose);
  };
  const onData = (chunk: Buffer): void => {
    try {
      listener.chunk(chunk);
    } catch (error) {
      stop();
      listener.failed(error);
    }
  };
  const onEnd = (): void => {
    stop();
    listener.end();
  };
  const onClose = (): void => {
    stop();
    listener.failed(unreadable("The connection ended before the body was whole"));
  };
  // The error of a broken connection is followed by "close", which says all that matters; unheard it would be thrown.
  raw.on("error", () => {});
  raw.on("data", onData).on("end", onEnd).on("close", onClose);
  return stop;
}
