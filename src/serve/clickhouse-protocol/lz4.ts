/** Sequences of at least so many equal bytes are worth a reference. */
const MATCH_MIN = 4;
/** The last bytes are always literals (LZ4 block format, end of block conditions). */
const LITERALS_AT_END = 5;
/** The last match starts at least so many bytes before the end. */
const MATCH_END_DISTANCE = 12;
const DISTANCE_MAX = 0xffff;
const HASH_BITS = 14;
const HASH_PRIME = 2654435761;
/** After so many bytes without a match (as a power of two) it looks at fewer places: what doesn't compress shall be quick. */
const SKIP_TRIGGER = 6;
/** A token holds lengths up to 15; what is beyond follows in bytes. */
const LENGTH_IN_TOKEN = 15;

/** The most bytes that so many can become. */
export function lz4Bound(length: number): number {
  return length + Math.ceil(length / 255) + 16;
}

/**
 * Compresses into one LZ4 block (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md): the greedy way, with a
 * table of where four bytes were seen last.
 * @param table Room for 2^14 places; what is in it doesn't matter.
 * @returns How many bytes of `output` are written, from `from` on.
 */
export function lz4Compress(input: Buffer, output: Buffer, from: number, table: Int32Array): number {
  table.fill(-1);
  const searchEnd = input.length - MATCH_END_DISTANCE;
  const matchEnd = input.length - LITERALS_AT_END;
  let out = from;
  let literals = 0;
  let at = 0;
  let misses = 1 << SKIP_TRIGGER;
  while (at < searchEnd) {
    const four = input.readInt32LE(at);
    const place = Math.imul(four, HASH_PRIME) >>> (32 - HASH_BITS);
    const seen = table[place] ?? -1;
    table[place] = at;
    if (seen < 0 || at - seen > DISTANCE_MAX || input.readInt32LE(seen) !== four) {
      at += misses++ >>> SKIP_TRIGGER;
      continue;
    }
    let end = at + MATCH_MIN;
    for (let other = seen + MATCH_MIN; end < matchEnd && input[end] === input[other]; end++) other++;
    out = writeSequence(input, output, out, { literals, at, distance: at - seen, length: end - at });
    at = end;
    literals = end;
    misses = 1 << SKIP_TRIGGER;
  }
  return writeLast(input, output, out, literals) - from;
}

interface Sequence {
  /** Where the literals before the match begin. */
  readonly literals: number;
  /** Where the match begins. */
  readonly at: number;
  readonly distance: number;
  readonly length: number;
}

function writeSequence(input: Buffer, output: Buffer, from: number, sequence: Sequence): number {
  const { literals, at, distance, length } = sequence;
  const beyond = length - MATCH_MIN;
  let out = writeLiterals(input, output, from, literals, at);
  output[from] = (output[from] ?? 0) | Math.min(beyond, LENGTH_IN_TOKEN);
  output[out++] = distance & 0xff;
  output[out++] = distance >>> 8;
  return writeLength(output, out, beyond);
}

function writeLast(input: Buffer, output: Buffer, from: number, literals: number): number {
  return writeLiterals(input, output, from, literals, input.length);
}

/** The token with its upper half, and the literals. */
function writeLiterals(input: Buffer, output: Buffer, from: number, start: number, end: number): number {
  const length = end - start;
  output[from] = Math.min(length, LENGTH_IN_TOKEN) << 4;
  const out = writeLength(output, from + 1, length);
  input.copy(output, out, start, end);
  return out + length;
}

function writeLength(output: Buffer, from: number, length: number): number {
  let out = from;
  if (length < LENGTH_IN_TOKEN) return out;
  let rest = length - LENGTH_IN_TOKEN;
  for (; rest >= 255; rest -= 255) output[out++] = 255;
  output[out++] = rest;
  return out;
}
