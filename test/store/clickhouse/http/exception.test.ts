import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ExceptionWatch, exceptionOf } from "../../../../src/store/clickhouse/http/exception.ts";

const TAG = "abcdefghijklmnop";
const TEXT =
  "Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 26.7.2.1 (official build))";
const frame = (text: string) =>
  `\r\n__exception__\r\n${TAG}\r\n${text}\n${Buffer.byteLength(text) + 1} ${TAG}\r\n__exception__\r\n`;

function pass(bytes: Buffer, cuts: readonly number[]): { rows: Buffer; watch: ExceptionWatch } {
  const watch = new ExceptionWatch(TAG);
  const rows: Buffer[] = [];
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    rows.push(Buffer.from(watch.push(bytes.subarray(start, end))));
    start = end;
  }
  rows.push(watch.rest());
  return { rows: Buffer.concat(rows), watch };
}

const rowBytes = fc
  .array(fc.constantFrom("\r", "\n", "\r\n__exception__\r\n", "\r\n__exc", "row", TAG, "é"))
  .map((parts) => Buffer.from(parts.join("")));
const cutPlaces = fc.array(fc.nat(500));

const isPlain = (bytes: Buffer) => !bytes.includes(`\r\n__exception__\r\n${TAG}\r\n`);

test("rows pass as they are, however they are cut and whatever they hold", () => {
  fc.assert(
    fc.property(rowBytes.filter(isPlain), cutPlaces, (bytes, cuts) => {
      const { rows, watch } = pass(bytes, cuts);
      expect(rows.equals(bytes)).toBe(true);
      expect(watch.error()).toBeUndefined();
    }),
  );
});

test("an error amid an answer is found, however it is cut, and nothing of it is taken for rows", () => {
  fc.assert(
    fc.property(cutPlaces, (cuts) => {
      const bytes = Buffer.from(`{"row":[1]}\n${frame(TEXT)}`);
      const { rows, watch } = pass(bytes, cuts);
      expect(rows.toString()).toBe('{"row":[1]}\n');
      expect(watch.error()).toMatchObject({ code: 395, message: expect.stringMatching(/NON_ZERO\)$/) });
    }),
  );
});

test("an error that is cut short is still one", () => {
  const { watch } = pass(Buffer.from(frame(TEXT).slice(0, 60)), []);
  expect(watch.error()).toMatchObject({ code: 395 });
});

test("an answer is an error of ClickHouse only with its header", () => {
  expect(
    exceptionOf({ "x-clickhouse-exception-code": "62" }, "Code: 62. Syntax error (version 1.2)\n"),
  ).toMatchObject({
    code: 62,
    message: "Code: 62. Syntax error",
  });
  expect(exceptionOf({}, "<html>502 Bad Gateway</html>")).toBeUndefined();
});
