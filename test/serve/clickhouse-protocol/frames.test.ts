import { glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, integer, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { CityHash128 } from "../../../src/serve/clickhouse-protocol/city-hash.ts";
import { FrameWriter } from "../../../src/serve/clickhouse-protocol/compressed-frames.ts";
import { EmbeddedConnection } from "../../../src/store/clickhouse/embedded/embedded-connection.ts";
import { MIB } from "../../../src/units.ts";
import { unframe } from "./frames.ts";

function framed(parts: readonly Buffer[]): Buffer {
  const writer = new FrameWriter();
  return Buffer.concat([...parts.map((part) => writer.push(part)), writer.end()]);
}

test("the checksum is ClickHouse's own: the engine's files are of the same frames", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headrace-frames-"));
  const engine = await EmbeddedConnection.open({ folder, readers: 1, memory: 1024 * MIB });
  try {
    for (const rows of [1, 2, 3, 7, 20, 100, 50_000]) {
      const table = `headrace.frames_${rows}`;
      const columns = "a UInt8 CODEC(LZ4), b String CODEC(LZ4), c UInt64 CODEC(LZ4)";
      await engine.run(
        `CREATE TABLE ${table} (${columns}) ENGINE = MergeTree ORDER BY tuple() SETTINGS min_bytes_for_wide_part = 0; ` +
          `INSERT INTO ${table} SELECT number, toString(cityHash64(number)), number FROM numbers(${rows})`,
        "TabSeparated",
      );
    }
    const lengths = new Set<number>();
    for await (const file of glob(join(folder, "engine/store/**/*.bin"))) {
      const bytes = await readFile(file);
      for (let at = 0; at < bytes.length;) {
        const size = bytes.readUInt32LE(at + 17);
        const sum = new CityHash128().digest(bytes.subarray(at + 16, at + 16 + size));
        expect(sum.equals(bytes.subarray(at, at + 16))).toBe(true);
        lengths.add(size);
        at += 16 + size;
      }
    }
    // The hash goes different ways below 16, 32 and 144 bytes.
    const some = (from: number, to: number) => [...lengths].some((length) => length >= from && length < to);
    expect([some(0, 16), some(16, 32), some(32, 144), some(144, 1e9)]).toEqual([true, true, true, true]);
  } finally {
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test("whatever is put into frames comes out of them", () => {
  assert(
    property(uint8Array({ maxLength: 2000 }), integer({ min: 1, max: 50 }), (some, times) => {
      const parts = Array.from({ length: times }, (_, index) => Buffer.from(some.subarray(index % 7)));
      expect(unframe(framed(parts)).equals(Buffer.concat(parts))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("text becomes smaller, noise hardly larger, and long runs of one byte tiny", () => {
  const text = Buffer.from(
    Array.from({ length: 50_000 }, (_, index) => `{"n":${index},"origin":"ATL"}\n`).join(""),
  );
  const noise = Buffer.from(Uint8Array.from({ length: 3 * MIB }, () => Math.random() * 256));
  const zeros = Buffer.alloc(3 * MIB);
  for (const [bytes, ratio] of [
    [text, 0.45],
    [noise, 1.01],
    [zeros, 0.01],
  ] as const) {
    const packed = framed([bytes]);
    expect(unframe(packed).equals(bytes)).toBe(true);
    expect(packed.length / bytes.length).toBeLessThan(ratio);
  }
});

test("nothing is no frame", () => {
  expect(framed([]).length).toBe(0);
  expect(framed([Buffer.alloc(0)]).length).toBe(0);
});
