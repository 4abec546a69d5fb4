import { expect, test } from "vitest";
import {
  csvCutter,
  lineCutter,
  ROW_BYTES_MAX,
  type RowCutter,
} from "../../../src/store/clickhouse/row-cutter.ts";

const CSV = '"a","b"\n"x\ny","""\n"""\n1,2\n';

test.each([
  ["lines", lineCutter, '{"a":1}\n{"b":"é"}\n\n{"c":3}\n'],
  ["csv", csvCutter, CSV],
] as const)("pieces of %s end with a row, wherever the chunks are cut", (_, cutter, text) => {
  const bytes = Buffer.from(text);
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const one: RowCutter = cutter();
      const pieces = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)].map(
        (chunk) => one.push(chunk),
      );
      expect(pieces.map((piece) => piece?.toString() ?? "").join("")).toBe(text);
      expect(
        pieces.every((piece) => piece === undefined || piece.length === 0 || piece.at(-1) === 0x0a),
      ).toBe(true);
      expect(one.lines).toBe(cutter === csvCutter ? 3 : 4);
    }
  }
});

test("a quoted newline never ends a row of CSV", () => {
  const cutter = csvCutter();
  expect(cutter.push(Buffer.from('"x\n'))).toBeUndefined();
  expect(cutter.push(Buffer.from('y"\n'))?.toString()).toBe('"x\ny"\n');
});

test("a row without an end is given up at a limit", () => {
  const cutter = lineCutter();
  const chunk = Buffer.alloc(ROW_BYTES_MAX / 4, "x");
  for (let n = 0; n < 4; n++) cutter.push(chunk);
  expect(() => cutter.push(chunk)).toThrow("A row of the answer is over 256 MiB");
});
