import { promisify } from "node:util";
import {
  brotliCompress,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzip,
  zstdCompress,
} from "node:zlib";
import type { Transform } from "node:stream";
import type { AnswerFormat, ContentEncoding } from "./negotiate.ts";

/** Answers smaller than this aren't worth compressing. */
export const COMPRESS_FROM = 1024;

/** Brotli's default of 11 is for files that are compressed once; 4 costs about as much as gzip. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const compressors = {
  gzip: promisify(gzip),
  br: (bytes: Buffer) => promisify(brotliCompress)(bytes, BROTLI),
  zstd: promisify(zstdCompress),
} satisfies Record<ContentEncoding, (bytes: Buffer) => Promise<Buffer>>;

/** A whole answer, ready to be sent any number of times. */
export class Answer {
  readonly format: AnswerFormat;
  readonly body: Buffer;
  /** Weak: it stands for the answer in every encoding. */
  readonly etag: string;
  /** Called when a compressed form was added. */
  onGrown: (() => void) | undefined;
  readonly #compressed = new Map<ContentEncoding, Buffer>();
  readonly #pending = new Map<ContentEncoding, Promise<Buffer>>();

  constructor(format: AnswerFormat, body: Buffer, etag: string) {
    this.format = format;
    this.body = body;
    this.etag = etag;
  }

  /** Bytes in memory, with the compressed forms. */
  get bytes(): number {
    let sum = this.body.length;
    for (const buffer of this.#compressed.values()) sum += buffer.length;
    return sum;
  }

  /** The compressed form, if it has been made already. */
  compressed(encoding: ContentEncoding): Buffer | undefined {
    return this.#compressed.get(encoding);
  }

  /** The compressed form, made off the event loop, once for all who ask meanwhile, and kept. */
  compress(encoding: ContentEncoding): Promise<Buffer> {
    const pending = this.#pending.get(encoding) ?? this.#compress(encoding);
    this.#pending.set(encoding, pending);
    return pending;
  }

  async #compress(encoding: ContentEncoding): Promise<Buffer> {
    try {
      const bytes = await compressors[encoding](this.body);
      this.#compressed.set(encoding, bytes);
      this.onGrown?.();
      return bytes;
    } finally {
      this.#pending.delete(encoding);
    }
  }
}

const streams = {
  gzip: () => createGzip(),
  br: () => createBrotliCompress(BROTLI),
  zstd: () => createZstdCompress(),
} satisfies Record<ContentEncoding, () => Transform>;

/** A compressing stream for an answer that is sent as it comes. */
export function compressorOf(encoding: ContentEncoding): Transform {
  return streams[encoding]();
}
