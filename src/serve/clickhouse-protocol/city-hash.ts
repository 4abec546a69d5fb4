const K0 = 0xc3a5c85c97cb3127n;
const K1 = 0xb492b66fbe98f273n;
const K2 = 0x9ae16a3b2f90404fn;
const K3 = 0xc949d7c7509e6557n;
const MUL = 0x9ddfea08eb382d69n;
const BITS = 64;

/** Below so many bytes another way is taken. */
const LONG = 128;
const STRIDE = 64;
const PIECE = 32;
const DIGEST_BYTES = 16;

/**
 * CityHash128 as ClickHouse has it: Google's version 1.0.2 (https://github.com/google/cityhash), which later versions
 * don't agree with.
 */
export class CityHash128 {
  /** The two halves that a step gives. */
  #first = 0n;
  #second = 0n;

  /** 16 bytes: the two halves, little-endian. */
  digest(bytes: Buffer): Buffer {
    const { length } = bytes;
    if (length >= DIGEST_BYTES) {
      const seed = bytes.readBigUInt64LE(0) ^ K3;
      this.#seeded(bytes.subarray(DIGEST_BYTES), seed, bytes.readBigUInt64LE(8));
    } else if (length >= 8) {
      const seed = bytes.readBigUInt64LE(0) ^ u64(BigInt(length) * K0);
      this.#seeded(bytes.subarray(0, 0), seed, bytes.readBigUInt64LE(length - 8) ^ K1);
    } else this.#seeded(bytes, K0, K1);
    const digest = Buffer.allocUnsafe(DIGEST_BYTES);
    digest.writeBigUInt64LE(this.#first, 0);
    digest.writeBigUInt64LE(this.#second, 8);
    return digest;
  }

  #seeded(bytes: Buffer, low: bigint, high: bigint): void {
    if (bytes.length < LONG) this.#short(bytes, low, high);
    else this.#long(bytes, low, high);
  }

  #short(bytes: Buffer, low: bigint, high: bigint): void {
    const { length } = bytes;
    let a = low;
    let b = high;
    let c: bigint;
    let d: bigint;
    if (length <= DIGEST_BYTES) {
      a = u64(shiftMix(u64(a * K1)) * K1);
      c = u64(b * K1 + hashUpTo16(bytes));
      d = shiftMix(u64(a + (length >= 8 ? bytes.readBigUInt64LE(0) : c)));
    } else {
      c = hash16(u64(bytes.readBigUInt64LE(length - 8) + K1), a);
      d = hash16(u64(b + BigInt(length)), u64(c + bytes.readBigUInt64LE(length - 16)));
      a = u64(a + d);
      for (let at = 0; at < length - DIGEST_BYTES; at += DIGEST_BYTES) {
        a = u64((a ^ u64(shiftMix(u64(bytes.readBigUInt64LE(at) * K1)) * K1)) * K1);
        b ^= a;
        c = u64((c ^ u64(shiftMix(u64(bytes.readBigUInt64LE(at + 8) * K1)) * K1)) * K1);
        d ^= c;
      }
    }
    a = hash16(a, c);
    b = hash16(d, b);
    this.#first = a ^ b;
    this.#second = hash16(b, a);
  }

  #long(bytes: Buffer, low: bigint, high: bigint): void {
    let left = bytes.length;
    let at = 0;
    let x = low;
    let y = high;
    let z = u64(BigInt(left) * K1);
    let v1 = u64(rotate(y ^ K1, 49) * K1 + bytes.readBigUInt64LE(0));
    let v2 = u64(rotate(v1, 42) * K1 + bytes.readBigUInt64LE(8));
    let w1 = u64(rotate(u64(y + z), 35) * K1 + x);
    let w2 = u64(rotate(u64(x + bytes.readBigUInt64LE(88)), 53) * K1);
    for (; left >= LONG; left -= LONG) {
      for (let half = 0; half < LONG; half += STRIDE) {
        x = u64(rotate(u64(x + y + v1 + bytes.readBigUInt64LE(at + 16)), 37) * K1);
        y = u64(rotate(u64(y + v2 + bytes.readBigUInt64LE(at + 48)), 42) * K1);
        x ^= w2;
        y ^= v1;
        z = rotate(z ^ w1, 33);
        this.#weak(bytes, at, u64(v2 * K1), u64(x + w1));
        [v1, v2] = [this.#first, this.#second];
        this.#weak(bytes, at + PIECE, u64(z + w2), y);
        [w1, w2] = [this.#first, this.#second];
        [z, x] = [x, z];
        at += STRIDE;
      }
    }
    y = u64(y + rotate(w1, 37) * K0 + z);
    x = u64(x + rotate(u64(v1 + z), 49) * K0);
    for (let done = PIECE; done < left + PIECE; done += PIECE) {
      const from = at + left - done;
      y = u64(rotate(u64(y - x), 42) * K0 + v2);
      w1 = u64(w1 + bytes.readBigUInt64LE(from + 16));
      x = u64(rotate(x, 49) * K0 + w1);
      w1 = u64(w1 + v1);
      this.#weak(bytes, from, v1, v2);
      [v1, v2] = [this.#first, this.#second];
    }
    x = hash16(x, v1);
    y = hash16(y, w1);
    this.#first = u64(hash16(u64(x + v2), w2) + y);
    this.#second = hash16(u64(x + w2), u64(y + v2));
  }

  /** Of 32 bytes, quick and not strong. */
  #weak(bytes: Buffer, at: number, seedA: bigint, seedB: bigint): void {
    const z = bytes.readBigUInt64LE(at + 24);
    const a = u64(seedA + bytes.readBigUInt64LE(at));
    const b = rotate(u64(seedB + a + z), 21);
    const c = u64(a + bytes.readBigUInt64LE(at + 8) + bytes.readBigUInt64LE(at + 16));
    this.#first = u64(c + z);
    this.#second = u64(b + rotate(c, 44) + a);
  }
}

function hashUpTo16(bytes: Buffer): bigint {
  const { length } = bytes;
  if (length > 8) {
    const a = bytes.readBigUInt64LE(0);
    const b = bytes.readBigUInt64LE(length - 8);
    return hash16(a, rotate(u64(b + BigInt(length)), length)) ^ b;
  }
  if (length >= 4) {
    const a = BigInt(bytes.readUInt32LE(0));
    return hash16(u64((a << 3n) + BigInt(length)), BigInt(bytes.readUInt32LE(length - 4)));
  }
  if (length === 0) return K2;
  const [a = 0, b = 0, c = 0] = [bytes[0], bytes[length >>> 1], bytes[length - 1]];
  const y = BigInt(a + (b << 8));
  const z = BigInt(length + (c << 2));
  return u64(shiftMix(u64(y * K2) ^ u64(z * K3)) * K2);
}

function hash16(u: bigint, v: bigint): bigint {
  const a = u64((u ^ v) * MUL);
  const b = u64((v ^ a ^ (a >> 47n)) * MUL);
  return u64((b ^ (b >> 47n)) * MUL);
}

function shiftMix(value: bigint): bigint {
  return value ^ (value >> 47n);
}

function rotate(value: bigint, bits: number): bigint {
  return u64((value >> BigInt(bits)) | (value << BigInt(BITS - bits)));
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(BITS, value);
}
