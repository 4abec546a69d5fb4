/**
 * A set of 32-bit fingerprints in typed arrays: 5 to 11 bytes for each, without objects for the collector to walk.
 * It is divided into shards by the fingerprint's highest bits, so that growing never moves more than a small part at
 * once; a shard is an open-addressing table with linear probing, at most three quarters full.
 */
export class FingerprintSet {
  readonly #shards: (Uint32Array | undefined)[] = [];
  readonly #sizes = new Uint32Array(SHARDS);
  /** Slots that a shard begins with. */
  readonly #slots: number;
  #size = 0;

  /** @param expected Fingerprints to make room for at once. Default: few. */
  constructor(expected = 0) {
    const perShard = (expected / SHARDS) * (4 / 3);
    this.#slots = Math.max(SHARD_SLOTS_MIN, 2 ** Math.ceil(Math.log2(perShard + 1)));
  }

  get size(): number {
    return this.#size;
  }

  has(fingerprint: number): boolean {
    const shard = this.#shards[fingerprint >>> SHARD_SHIFT];
    return shard !== undefined && shard[slotOf(shard, fingerprint)] === stored(fingerprint);
  }

  /** Whether it was not there before. */
  add(fingerprint: number): boolean {
    const index = fingerprint >>> SHARD_SHIFT;
    const shard = this.#roomyShard(index);
    const slot = slotOf(shard, fingerprint);
    if (shard[slot] !== 0) return false;
    shard[slot] = stored(fingerprint);
    this.#sizes[index] = (this.#sizes[index] ?? 0) + 1;
    this.#size += 1;
    return true;
  }

  #roomyShard(index: number): Uint32Array {
    const shard = this.#shards[index] ?? new Uint32Array(this.#slots);
    const full = ((this.#sizes[index] ?? 0) + 1) * 4 > shard.length * 3;
    const roomy = full ? grown(shard) : shard;
    this.#shards[index] = roomy;
    return roomy;
  }
}

const SHARD_BITS = 8;
const SHARDS = 1 << SHARD_BITS;
const SHARD_SHIFT = 32 - SHARD_BITS;
const SHARD_SLOTS_MIN = 16;

/** Zero marks an empty slot, so the fingerprint 0 passes for its neighbour: a filter may say "perhaps" too often. */
function stored(fingerprint: number): number {
  return fingerprint >>> 0 || 1;
}

/** Where the fingerprint is, or would be put. */
function slotOf(shard: Uint32Array, fingerprint: number): number {
  const mask = shard.length - 1;
  const wanted = stored(fingerprint);
  let slot = wanted & mask;
  for (;;) {
    const found = shard[slot];
    if (found === 0 || found === wanted) return slot;
    slot = (slot + 1) & mask;
  }
}

function grown(shard: Uint32Array): Uint32Array {
  const larger = new Uint32Array(shard.length * 2);
  for (const fingerprint of shard) {
    if (fingerprint !== 0) larger[slotOf(larger, fingerprint)] = fingerprint;
  }
  return larger;
}
