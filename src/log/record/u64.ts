const TWO_TO_32 = 2 ** 32;

/** Writes a whole number below 2^53 as an unsigned 64-bit integer, little-endian, without making a BigInt. */
export function writeU64(into: Buffer, value: number, at: number): void {
  into.writeUInt32LE(value % TWO_TO_32, at);
  into.writeUInt32LE(Math.floor(value / TWO_TO_32), at + 4);
}

export function readU64(from: Buffer, at: number): number {
  return from.readUInt32LE(at + 4) * TWO_TO_32 + from.readUInt32LE(at);
}
