import { MIB } from "../../units.ts";
import { CityHash128 } from "./city-hash.ts";
import { lz4Bound, lz4Compress } from "./lz4.ts";

/** Bytes that go into a frame, as ClickHouse has it. */
const FRAME_BYTES = MIB;
const CHECKSUM_BYTES = 16;
/** The method, the bytes from it on, and the bytes before compression. */
const HEADER_BYTES = 9;
const METHOD_LZ4 = 0x82;
const HASH_TABLE_PLACES = 1 << 14;

/**
 * Turns bytes into ClickHouse's own compressed frames, as they come with `compress=1`: a checksum (CityHash128 of ClickHouse's
 * version 1.0.2), a header, and an LZ4 block.
 */
export class FrameWriter {
  readonly #table = new Int32Array(HASH_TABLE_PLACES);
  readonly #hash = new CityHash128();
  #waiting: Buffer[] = [];
  #bytes = 0;

  /** The frames that are full with these bytes; may be empty. */
  push(bytes: Buffer): Buffer {
    const frames: Buffer[] = [];
    for (let rest = bytes; rest.length > 0;) {
      const part = rest.subarray(0, FRAME_BYTES - this.#bytes);
      rest = rest.subarray(part.length);
      this.#waiting.push(part);
      this.#bytes += part.length;
      if (this.#bytes === FRAME_BYTES) frames.push(this.end());
    }
    return Buffer.concat(frames);
  }

  /** The last frame; empty when there is nothing for one. */
  end(): Buffer {
    if (this.#bytes === 0) return Buffer.alloc(0);
    const input = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#bytes = 0;
    return this.#frame(input);
  }

  #frame(input: Buffer): Buffer {
    const start = CHECKSUM_BYTES + HEADER_BYTES;
    const frame = Buffer.allocUnsafe(start + lz4Bound(input.length));
    const compressed = lz4Compress(input, frame, start, this.#table);
    const end = start + compressed;
    frame[CHECKSUM_BYTES] = METHOD_LZ4;
    frame.writeUInt32LE(HEADER_BYTES + compressed, CHECKSUM_BYTES + 1);
    frame.writeUInt32LE(input.length, CHECKSUM_BYTES + 5);
    this.#hash.digest(frame.subarray(CHECKSUM_BYTES, end)).copy(frame, 0);
    return frame.subarray(0, end);
  }
}
