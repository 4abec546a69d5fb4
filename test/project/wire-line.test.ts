import { expect, test } from "vitest";
import { z } from "zod";
import { TYPE_SECTIONS, typeOf } from "../../scripts/types-table.ts";
import { createWireLine } from "../../src/project/wire-line.ts";
import { acceptedLine, defineTestStream, judgeText } from "./judging.ts";

const rows = TYPE_SECTIONS.flatMap(({ rows: types }) => types).filter(({ examples }) => examples.length > 0);

test.each(rows.map((row) => [row.zod, row] as const))(
  "a stored line of %s is taken again by the same declaration, and gives the same line",
  (_, row) => {
    const stream = defineTestStream(z.object({ n: z.int32(), value: typeOf(row) }));
    const wireLine = createWireLine(stream);
    for (const [sent] of row.examples) {
      const event = sent === "" ? '{"n":1}' : `{"n":1,"value":${sent}}`;
      const line = acceptedLine(judgeText(stream, event));
      const wire = wireLine(Buffer.from(line), stream.schema).toString();
      expect(acceptedLine(judgeText(stream, wire))).toBe(line);
    }
  },
);
