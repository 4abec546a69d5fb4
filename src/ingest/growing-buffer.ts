import { HeadraceError } from "../errors.ts";
import { KIB } from "../units.ts";
import type { MemoryShare } from "./in-flight-bytes.ts";
import { INGEST_LIMIT_SETTINGS, type IngestLimits } from "./limits.ts";

/** What is asked for first when the size of a body isn't known. */
const FIRST_BUFFER = 64 * KIB;
/** How much larger each next buffer is: copying the last one must not take long, and what isn't filled costs nothing. */
const GROWTH = 4;
const EMPTY = Buffer.alloc(0);

export type BodyLimits = Pick<IngestLimits, "bodyBytesMax" | "decompressedBytesMax">;

/** Chunks made into one buffer. */
export class GrowingBuffer {
  readonly #expected: number | undefined;
  readonly #limit: "bodyBytesMax" | "decompressedBytesMax";
  readonly #limits: BodyLimits;
  readonly #memory: MemoryShare;
  #buffer: Buffer = EMPTY;
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
    const wanted = this.#expected ?? Math.max(FIRST_BUFFER, this.#buffer.length * GROWTH);
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(wanted, length), this.#limits[this.#limit]));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

export function unreadable(message: string): HeadraceError {
  return new HeadraceError("body_unreadable", message);
}

export function tooLarge(limit: "bodyBytesMax" | "decompressedBytesMax", limits: BodyLimits): HeadraceError {
  const max = limits[limit];
  const setting = INGEST_LIMIT_SETTINGS[limit];
  const which = limit === "bodyBytesMax" ? "The body" : "The decompressed body";
  return new HeadraceError("body_too_large", `${which} is larger than ${max} bytes (${setting})`, {
    details: { limit: setting, max },
  });
}
