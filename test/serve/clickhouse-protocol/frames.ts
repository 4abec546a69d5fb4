import { CityHash128 } from "../../../src/serve/clickhouse-protocol/city-hash.ts";

const CHECKSUM = 16;
const HEADER = 9;
const LZ4 = 0x82;

/** What is in ClickHouse's compressed frames; throws for a wrong checksum or a block that isn't LZ4. */
export function unframe(bytes: Buffer): Buffer {
  const hash = new CityHash128();
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32LE(at + CHECKSUM + 1);
    const compressed = bytes.subarray(at + CHECKSUM, at + CHECKSUM + size);
    if (!hash.digest(compressed).equals(bytes.subarray(at, at + CHECKSUM))) throw new Error("wrong checksum");
    if (compressed[0] !== LZ4) throw new Error(`method ${compressed[0]}`);
    parts.push(unpackLz4(compressed.subarray(HEADER), compressed.readUInt32LE(5)));
    at += CHECKSUM + size;
  }
  return Buffer.concat(parts);
}

/** As the LZ4 block format says, byte by byte. */
function unpackLz4(input: Buffer, size: number): Buffer {
  const output = Buffer.alloc(size);
  let at = 0;
  let end = 0;
  const byte = (): number => input[at++] ?? 0;
  const length = (nibble: number): number => {
    let sum = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; sum += more) more = byte();
    return sum;
  };
  while (at < input.length) {
    const token = byte();
    const literals = length(token >>> 4);
    end += input.copy(output, end, at, at + literals);
    at += literals;
    if (at >= input.length) break;
    const distance = byte() + 256 * byte();
    if (distance === 0 || distance > end) throw new Error(`a match ${distance} bytes back at ${end}`);
    for (let left = length(token & 15) + 4; left > 0; left--) {
      output[end] = output[end - distance] ?? 0;
      end++;
    }
  }
  if (end !== size || at !== input.length) throw new Error(`${end} bytes instead of ${size}`);
  return output;
}
