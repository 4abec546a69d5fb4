import { expect, test } from "vitest";
import { identifiedLines } from "../../../src/store/clickhouse/identified-lines.ts";
import { batchOf, column, schemaOf } from "../support.ts";

test("each line begins with its offset and accept time, over several buffers, spaces and empty objects", () => {
  const lines = ['{"n":1}\n \t{"n":"{\\n}"} \r\n', "{}\n{ \t}\n"].map((text) => Buffer.from(text));
  const batch = {
    ...batchOf(schemaOf([column("n", "string")]), []),
    lines,
    count: 4,
    offsets: Float64Array.of(7, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2),
    acceptedAt: Float64Array.of(0, 1, 1_700_000_000_000, 8_000_000_000_000.5),
  };
  expect(Buffer.concat(identifiedLines(batch)).toString()).toBe(
    '{"_o":7,"_a":0,"n":1}\n{"_o":9007199254740991,"_a":1,"n":"{\\n}"} \r\n' +
      '{"_o":9007199254740992,"_a":1700000000000}\n{"_o":9007199254740994,"_a":8000000000000 \t}\n',
  );
});
