import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { HeadraceError, messageOf } from "../errors.ts";
import { KIB } from "../units.ts";
import type { MemoryShare } from "./in-flight-bytes.ts";
import { INGEST_LIMIT_SETTINGS, type IngestLimits } from "./limits.ts";
import type { ContentEncoding, RequestHead } from "./request-head.ts";

/** What is asked for first when the size of a body isn't known. */
const FIRST_BUFFER = 64 * KIB;
/** What a decompressor hands on at a time. */
const DECOMPRESSED_CHUNK = 64 * KIB;

type BodyHead = Pick<RequestHead, "encoding" | "contentLength">;
type BodyLimits = Pick<IngestLimits, "bodyBytesMax" | "decompressedBytesMax">;

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

const DECOMPRESSORS: Readonly<Record<Exclude<ContentEncoding, "identity">, () => Decompressor>> = {
  gzip: () => createGunzip({ chunkSize: DECOMPRESSED_CHUNK }),
  deflate: () => createInflate({ chunkSize: DECOMPRESSED_CHUNK }),
  br: () => createBrotliDecompress({ chunkSize: DECOMPRESSED_CHUNK }),
  zstd: () => createZstdDecompress({ chunkSize: DECOMPRESSED_CHUNK }),
};
type Decompressor = Transform & { readonly bytesWritten: number };

async function readCompressed(
  raw: IncomingMessage,
  encoding: Exclude<ContentEncoding, "identity">,
  limits: BodyLimits,
  memory: MemoryShare,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const buffer = new GrowingBuffer(undefined, "decompressedBytesMax", limits, memory);
  const decompressor = DECOMPRESSORS[encoding]();
  let received = 0;
  /** Both have ended: what came behind the compressed data must not vanish unseen, as it would by default. */
  const end = (): void => {
    if (!raw.readableEnded || !decompressor.readableEnded) return;
    if (decompressor.bytesWritten === received) resolve(buffer.whole());
    else reject(unreadable(`The body goes on after the end of its ${encoding} data`));
  };
  const stop = listen(raw, {
    chunk: (chunk) => {
      received += chunk.length;
      if (received > limits.bodyBytesMax) throw tooLarge("bodyBytesMax", limits);
      if (!decompressor.readableEnded && !decompressor.write(chunk)) raw.pause();
    },
    end: () => {
      decompressor.end();
      end();
    },
    failed: reject,
  });
  decompressor.on("drain", () => raw.resume());
  decompressor.on("data", (chunk: Buffer) => {
    try {
      buffer.add(chunk);
    } catch (error) {
      reject(error);
      decompressor.destroy();
    }
  });
  decompressor.on("end", end);
  decompressor.on("error", (error) => reject(unreadable(`The body isn't ${encoding}: ${messageOf(error)}`)));
  try {
    return await promise;
  } finally {
    stop();
    decompressor.destroy();
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

/** Chunks made into one buffer, by copying each at most twice. */
class GrowingBuffer {
  readonly #expected: number | undefined;
  readonly #limit: "bodyBytesMax" | "decompressedBytesMax";
  readonly #limits: BodyLimits;
  readonly #memory: MemoryShare;
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(
    expected: number | undefined,
    limit: "bodyBytesMax" | "decompressedBytesMax",
    limits: BodyLimits,
    memory: MemoryShare,
  ) {
    this.#expected = expected;
    this.#limit = limit;
    this.#limits = limits;
    this.#memory = memory;
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#limits[this.#limit]) throw tooLarge(this.#limit, this.#limits);
    this.#memory.take(chunk.length);
    // The usual small body comes in one piece and is taken as it is.
    if (this.#length === 0 && chunk.length === this.#expected) this.#buffer = chunk;
    else {
      if (length > this.#buffer.length) this.#grow(length);
      chunk.copy(this.#buffer, this.#length);
    }
    this.#length = length;
  }

  whole(): Buffer {
    return this.#buffer.length === this.#length ? this.#buffer : this.#buffer.subarray(0, this.#length);
  }

  #grow(length: number): void {
    // The memory that is announced isn't touched before it is filled, so that it costs nothing when it is a lie.
    const wanted = this.#expected ?? Math.max(FIRST_BUFFER, this.#buffer.length * 2);
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(wanted, length), this.#limits[this.#limit]));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

function unreadable(message: string): HeadraceError {
  return new HeadraceError("body_unreadable", message);
}

function tooLarge(limit: "bodyBytesMax" | "decompressedBytesMax", limits: BodyLimits): HeadraceError {
  const max = limits[limit];
  const setting = INGEST_LIMIT_SETTINGS[limit];
  const which = limit === "bodyBytesMax" ? "The body" : "The decompressed body";
  return new HeadraceError("body_too_large", `${which} is larger than ${max} bytes (${setting})`, {
    details: { limit: setting, max },
  });
}
