import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FingerprintSet } from "../../../src/load/ids/fingerprint-set.ts";

test("has what was added and says whether it was new", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { maxLength: 500 }), (fingerprints) => {
      const [set, model] = [new FingerprintSet(), new Set<number>()];
      for (const fingerprint of fingerprints) {
        expect(set.has(fingerprint)).toBe(model.has(fingerprint));
        expect(set.add(fingerprint)).toBe(!model.has(fingerprint));
        model.add(fingerprint);
        expect(set.has(fingerprint)).toBe(true);
      }
      expect(set.size).toBe(model.size);
    }),
  );
});

test("the fingerprint zero is found again", () => {
  const set = new FingerprintSet();
  expect(set.has(0)).toBe(false);
  set.add(0);
  expect(set.has(0)).toBe(true);
});

test("takes 11 bytes a fingerprint at most, once there are many", () => {
  const set = new FingerprintSet();
  const before = process.memoryUsage().arrayBuffers;
  const count = 1_000_000;
  // Multiples of an odd number are all different modulo 2^32 and spread over it.
  for (let index = 1; index <= count; index++) set.add(Math.imul(index, 0x9e3779b1) >>> 0);
  globalThis.gc?.();
  expect(set.size).toBe(count);
  expect((process.memoryUsage().arrayBuffers - before) / count).toBeLessThan(22);
});
