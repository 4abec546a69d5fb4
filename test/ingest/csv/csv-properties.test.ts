import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HeadraceError } from "../../../src/errors.ts";
import { INGEST_LIMITS } from "../../../src/ingest/limits.ts";
import { openSource } from "../../../src/ingest/open-source.ts";
import { SPLIT_DONE } from "../../../src/ingest/split/event-splitter.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import { eventTypeOf } from "../../../src/project/schema/stream-schema.ts";
import { MIB } from "../../../src/units.ts";
import { seededRandom } from "../../support/random.ts";
import { writeCsv, type CsvStyle } from "./csv-writer.ts";
import { judgeText, type Judgement } from "./judge-text.ts";

const stream = defineStream("all", {
  schema: z.object({
    id: z.string(),
    text: z.string().max(20).optional(),
    int: z.int32().optional(),
    big: z.uint64().optional(),
    float: z.number().min(-100).optional(),
    price: z.number().meta({ column: "Decimal(9, 2)" }).optional(),
    yes: z.boolean().optional(),
    day: z.iso.date().optional(),
    at: z.iso.datetime().optional(),
    uuid: z.uuid().optional(),
    kind: z.enum(["a", "b,c"]).default("a"),
    tags: z.array(z.string()).default([]),
    place: z.object({ city: z.string(), zip: z.int32().optional() }).optional().default({ city: "x" }),
    any: z.json().optional(),
  }),
  table: { orderBy: ["id"] },
});

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 24 }),
  fc
    .array(fc.constantFrom('"', ",", "\n", "\r", "\r\n", "a", " ", "\\", "\t", "é", "🛫"), { maxLength: 12 })
    .map((parts) => parts.join("")),
);
const numbers = fc.oneof(
  fc.constantFrom(
    "0",
    "-0",
    "1.0",
    "1e3",
    "007",
    "+1",
    ".5",
    "5.",
    "1e400",
    "2147483648",
    "18446744073709551615",
    "1.234",
    " 1",
    "1 ",
    "0x1",
    "1_000",
    "NaN",
    "null",
    "late",
    "true",
    "-",
  ),
  fc.double().map(String),
  fc.maxSafeInteger().map(String),
);
const json = fc.json({ maxDepth: 2 });

/** What a cell of each field may hold: good and bad, and only JSON where JSON must be. */
const CELLS = {
  id: text,
  text,
  int: numbers,
  big: numbers,
  float: numbers,
  price: numbers,
  yes: fc.constantFrom("true", "false", "True", "1", ""),
  day: fc.constantFrom("2024-02-29", "2023-02-29", "1850-01-01", "today", ""),
  at: fc.constantFrom("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.1234Z", "2024-01-01", ""),
  uuid: fc.oneof(fc.uuid(), fc.constantFrom("x", "")),
  kind: fc.constantFrom("a", "b,c", "d", ""),
  tags: fc.oneof(
    fc.array(fc.string()).map((value) => JSON.stringify(value)),
    json,
  ),
  place: fc.oneof(fc.constantFrom('{"city":"Bern"}', '{\n "zip" : 8000, "city":"Zürich" }'), json),
  any: json,
} as const;
type Name = keyof typeof CELLS;
const NAMES = Object.keys(CELLS) as Name[];

/** The value of a cell in JSON as docs/INGEST.md says it, worked out in another way than the code does. */
function jsonOf(name: Name, cell: string): string {
  if (name === "tags" || name === "place" || name === "any") return cell;
  if (name === "yes") return cell === "true" || cell === "false" ? cell : JSON.stringify(cell);
  if (["int", "big", "float", "price"].includes(name)) {
    try {
      const isNumber = typeof JSON.parse(cell) === "number" && cell.trim() === cell;
      return isNumber ? cell : JSON.stringify(cell);
    } catch {
      return JSON.stringify(cell);
    }
  }
  return JSON.stringify(cell);
}

const style: fc.Arbitrary<CsvStyle> = fc.record({
  quotes: fc.constantFrom("needed", "always", "sometimes"),
  lineEnd: fc.constantFrom("\n", "\r\n", "mixed"),
  lastLineEnd: fc.boolean(),
  mark: fc.boolean(),
  emptyLines: fc.boolean(),
});

const table = fc
  .subarray(NAMES, { minLength: 2 })
  .chain((names) => fc.shuffledSubarray(names, { minLength: names.length }))
  .chain((names) => {
    const cells = names.map((name) => fc.option(CELLS[name], { nil: undefined, freq: 5 }));
    return fc.record({ names: fc.constant(names), rows: fc.array(fc.tuple(...cells), { maxLength: 8 }) });
  });

/** The judgement as text, in which a newline is as good as a space. */
function withoutNewlines(judgement: Judgement): string {
  return JSON.stringify(judgement).replaceAll("\\n", " ");
}

describe("any CSV, however it is written,", () => {
  test("has the same verdicts, lines and reasons as the same events in NDJSON", () => {
    fc.assert(
      fc.property(table, style, fc.nat(), ({ names, rows }, how, seed) => {
        const csv = writeCsv([names, ...rows], how, seededRandom(seed));
        const ndjson = rows
          .map((row) => {
            const members = names.flatMap((name, index) => {
              const cell = row[index];
              // NDJSON has no newlines within a value; between tokens they are space like any other.
              return cell === undefined ? [] : [`"${name}":${jsonOf(name, cell).replaceAll("\n", " ")}`];
            });
            return `{${members.join(",")}}\n`;
          })
          .join("");
        const judged = judgeText(stream, "text/csv", csv);
        const wanted = judgeText(stream, "application/x-ndjson", ndjson);
        expect(judged.map(withoutNewlines)).toEqual(wanted.map(withoutNewlines));
      }),
      { numRuns: 600 },
    );
  });

  test("gives back every cell's text", () => {
    const texts = defineStream("texts", {
      schema: z.object({ a: z.string(), b: z.string(), c: z.string().optional() }),
      table: { orderBy: ["a"] },
    });
    const row = fc.tuple(text, text, fc.option(text, { nil: undefined }));
    fc.assert(
      fc.property(fc.array(row), style, fc.nat(), (rows, how, seed) => {
        const csv = writeCsv([["a", "b", "c"], ...rows], how, seededRandom(seed));
        const read = judgeText(texts, "text/csv", csv).map((judged) => {
          const event = JSON.parse("line" in judged ? judged.line : "{}") as Record<string, string>;
          return [event["a"], event["b"], event["c"]];
        });
        expect(read).toEqual(rows);
      }),
      { numRuns: 600 },
    );
  });
});

describe("any bytes as CSV", () => {
  const nasty = fc
    .array(fc.constantFrom('"', '""', ",", "\n", "\r\n", "\r", "1", "x", '"a"', "é", "\0", "{}", "[1]"), {
      maxLength: 60,
    })
    .map((parts) => Buffer.from(`id,int,any\n${parts.join("")}`));
  const bytes = fc
    .uint8Array({ maxLength: 200 })
    .map((raw) => Buffer.concat([Buffer.from("id,int,any\n"), raw]));

  test("are judged without a fault, or refused as a whole for a quote that isn't closed", () => {
    fc.assert(
      fc.property(fc.oneof(nasty, bytes), (body) => {
        expect(faultsOf(body)).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });
});

/** What must not be, whatever the bytes are: a line that isn't JSON, a rejection without a reason, another refusal. */
function faultsOf(body: Buffer): unknown[] {
  try {
    return judgeText(stream, "text/csv", body).filter((judged) =>
      "line" in judged ? typeof JSON.parse(judged.line) !== "object" : judged.errors.length === 0,
    );
  } catch (error) {
    return error instanceof HeadraceError && error.code === "body_unreadable" ? [] : [error];
  }
}

describe("time grows with the bytes, not with their square:", () => {
  const columns = "id,text,any\n";
  const bodies: [string, (bytes: number) => string][] = [
    ["one row of commas", (bytes) => `${columns}${",".repeat(bytes)}`],
    ["one row of quotes", (bytes) => `${columns}${'"'.repeat(2 * Math.floor(bytes / 2))}`],
    ["rows of one quote pair", (bytes) => `${columns}${'""\n'.repeat(bytes / 3)}`],
    ["rows of doubled quotes", (bytes) => `${columns}${`"${'""'.repeat(400)}",,\n`.repeat(bytes / 804)}`],
    ["control characters", (bytes) => `${columns}${`"${"\u0001".repeat(1000)}",,\n`.repeat(bytes / 1004)}`],
    ["empty lines", (bytes) => `${columns}${"\n".repeat(bytes)}`],
    ["deep JSON", (bytes) => `${columns}${`a,,${"[".repeat(1000)}\n`.repeat(bytes / 1004)}`],
    ["a quoted cell without end", (bytes) => `${columns}"${"a,\n".repeat(bytes / 3)}`],
    ["a header of commas", (bytes) => ",".repeat(bytes)],
  ];

  test.each(bodies)("%s", (_name, bodyOf) => {
    const seconds = (bytes: number): number => {
      const body = Buffer.from(bodyOf(bytes));
      const before = process.cpuUsage();
      drain(body);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    };
    seconds(MIB);
    // A square would be 64 times as long; 5 s is more than any of these takes on a slow machine.
    const small = Math.min(seconds(MIB), seconds(MIB));
    expect(seconds(8 * MIB)).toBeLessThan(Math.max(0.2, 24 * small));
  });
});

/** Converts every row of a body, judges none. */
function drain(body: Buffer): void {
  const type = eventTypeOf(stream.zod, stream.name);
  const limits = { ...INGEST_LIMITS, eventsMax: 1e9 };
  try {
    const source = openSource(body, { mediaType: "text/csv", binary: undefined }, { type, limits });
    for (let count = source.splitter.next(); count !== SPLIT_DONE; count = source.splitter.next()) {
      for (let i = 0; i < count; i++)
        source.convert?.(source.splitter.ranges[2 * i] ?? 0, source.splitter.ranges[2 * i + 1] ?? 0);
    }
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
  }
}
