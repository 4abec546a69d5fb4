import * as fc from "fast-check";
import { expect, test } from "vitest";
import { writeLength } from "../../../src/store/clickhouse/insert-batch.ts";

test("a length is written in 7-bit groups, the lowest first, as LEB128 has it", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 9 }), (length, start) => {
      const bytes = Buffer.alloc(start + 5);
      const end = writeLength(bytes, start, length);
      const groups = [...bytes.subarray(start, end)];
      expect(groups.reduce((sum, group, index) => sum + (group & 0x7f) * 128 ** index, 0)).toBe(length);
      expect(groups.map((group) => group > 0x7f)).toEqual(
        groups.map((_, index) => index < groups.length - 1),
      );
    }),
    { numRuns: 1_000 },
  );
});
