import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { messageOf } from "../errors.ts";
import { KIB } from "../units.ts";
import { unreadable } from "./growing-buffer.ts";
import type { ContentEncoding } from "./request-head.ts";

/** What a decompressor hands on at a time. */
const CHUNK = 64 * KIB;
/** Frames of one zstd body; each takes a decompressor of its own. */
const FRAMES_MAX = 1_000;

type Compressed = Exclude<ContentEncoding, "identity">;
type Decompressor = Transform & { readonly bytesWritten: number };

const DECOMPRESSORS: Readonly<Record<Compressed, () => Decompressor>> = {
  gzip: () => createGunzip({ chunkSize: CHUNK }),
  deflate: () => createInflate({ chunkSize: CHUNK }),
  br: () => createBrotliDecompress({ chunkSize: CHUNK }),
  zstd: () => createZstdDecompress({ chunkSize: CHUNK }),
};

/**
 * Decompresses a body chunk by chunk. What follows the end of the compressed data is never dropped unseen, as Node does by
 * default: further members of gzip and frames of zstd are part of the body, anything else is an error.
 */
export class Decompression {
  readonly #encoding: Compressed;
  readonly #take: (chunk: Buffer) => void;
  readonly #fail: (error: unknown) => void;
  #decompressor: Decompressor;
  #frames = 0;
  #isWriting = false;
  /** What is left to do after the chunk that is being taken. */
  #finish: (() => void) | undefined;

  /**
   * @param take Gets what was decompressed. May throw.
   * @param fail Is called once or more when the body can't be read, or with what `take` threw. Nothing else is called then.
   */
  constructor(encoding: Compressed, take: (chunk: Buffer) => void, fail: (error: unknown) => void) {
    this.#encoding = encoding;
    this.#take = take;
    this.#fail = fail;
    this.#decompressor = this.#begin();
  }

  /** Takes one chunk after the other: the next may come when `done` is called. */
  write(chunk: Buffer, done: () => void): void {
    this.#isWriting = true;
    this.#feed(chunk, () => {
      this.#isWriting = false;
      done();
      this.#finish?.();
    });
  }

  /** There is no more; may be called while a chunk is being taken. `done` is called when all is decompressed. */
  end(done: () => void): void {
    const finish = (): void => {
      this.#afterEnd(done);
      this.#decompressor.end();
    };
    if (this.#isWriting) this.#finish = finish;
    else finish();
  }

  destroy(): void {
    this.#decompressor.destroy();
  }

  #feed(chunk: Buffer, done: () => void): void {
    const decompressor = this.#decompressor;
    const before = decompressor.bytesWritten;
    decompressor.write(chunk, (error) => {
      // The error event tells of it.
      if (error) return;
      const rest = chunk.subarray(decompressor.bytesWritten - before);
      if (rest.length === 0) done();
      else if (this.#encoding !== "zstd") {
        this.#fail(unreadable(`The body goes on after the end of its ${this.#encoding} data`));
      } else if (this.#frames < FRAMES_MAX) this.#nextFrame(rest, done);
      else this.#fail(unreadable(`The body has more than ${FRAMES_MAX} zstd frames`));
    });
  }

  #begin(): Decompressor {
    this.#frames += 1;
    const decompressor = DECOMPRESSORS[this.#encoding]();
    decompressor.on("error", (error) => {
      this.#fail(unreadable(`The body isn't ${this.#encoding}: ${messageOf(error)}`));
    });
    decompressor.on("data", (chunk: Buffer) => {
      try {
        this.#take(chunk);
      } catch (error) {
        this.#fail(error);
        decompressor.destroy();
      }
    });
    return decompressor;
  }

  #nextFrame(rest: Buffer, done: () => void): void {
    // What the last frame held comes first.
    this.#afterEnd(() => {
      this.#decompressor.destroy();
      this.#decompressor = this.#begin();
      this.#feed(rest, done);
    });
  }

  #afterEnd(then: () => void): void {
    if (this.#decompressor.readableEnded) then();
    else this.#decompressor.once("end", then);
  }
}
