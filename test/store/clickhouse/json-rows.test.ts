import * as fc from "fast-check";
import { expect, test } from "vitest";
import { JsonRows } from "../../../src/store/clickhouse/json-rows.ts";
import { lineCutter } from "../../../src/store/clickhouse/row-cutter.ts";

interface Column {
  readonly name: string;
  readonly type: string;
}

const progress = (n: number): string =>
  JSON.stringify({ progress: { read_rows: `${n}`, read_bytes: `${8 * n}` } });

/** What the engine sends: notes between rows that are lists, with a space after each comma. */
function engineText(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = rows.flatMap((row, n) => [
    `{"row":[${row.join(", ")}]}`,
    ...(n % 3 === 1 ? [progress(n)] : []),
  ]);
  return `${[progress(1), JSON.stringify({ meta: columns }), ...lines, progress(rows.length), ""].join("\n")}\n`;
}

function answer(text: string, pieces: readonly number[] = []): string {
  const cutter = lineCutter();
  const json = new JsonRows();
  const bytes = Buffer.from(text);
  const out: string[] = [];
  let before = 0;
  for (const end of [...pieces, bytes.length]) {
    const from = pieces.filter((piece) => piece < end).at(-1) ?? 0;
    const known = cutter.lines;
    const lines = cutter.push(bytes.subarray(from, end));
    if (lines !== undefined) out.push(json.write(lines, cutter.lines - before).toString());
    before = lines === undefined ? known : cutter.lines;
  }
  return out.join("");
}

test.each([
  ["9007199254740991", "9007199254740991"],
  ["-9007199254740991", "-9007199254740991"],
  ["9007199254740992", '"9007199254740992"'],
  ["-9007199254740992", '"-9007199254740992"'],
  ["9007199254740993", '"9007199254740993"'],
  ["9999999999999999", '"9999999999999999"'],
  ["999999999999999", "999999999999999"],
  ["10000000000000000", '"10000000000000000"'],
  ["18446744073709551615", '"18446744073709551615"'],
  ["0", "0"],
  ["null", "null"],
])("an Int64 %s comes out as %s", (sent, answered) => {
  expect(answer(engineText([{ name: "n", type: "Nullable(Int64)" }], [[sent]]))).toBe(`{"n":${answered}}\n`);
  expect(answer(engineText([{ name: "n", type: "Array(Int64)" }], [[`[${sent},1]`]]))).toBe(
    `{"n":[${answered},1]}\n`,
  );
  expect(answer(engineText([{ name: "n", type: "Map(String, Int64)" }], [[`{"k":${sent}}`]]))).toBe(
    `{"n":{"k":${answered}}}\n`,
  );
  expect(
    answer(engineText([{ name: "n", type: "Tuple(a Float64, b Int64)" }], [[`{"a":${sent},"b":${sent}}`]])),
  ).toBe(`{"n":{"a":${sent},"b":${answered}}}\n`);
  expect(answer(engineText([{ name: "n", type: "Tuple(Int64, Float64)" }], [[`[${sent}, ${sent}]`]]))).toBe(
    `{"n":[${answered},${sent}]}\n`,
  );
  expect(answer(engineText([{ name: "n", type: "Float64" }], [[sent]]))).toBe(`{"n":${sent}}\n`);
  expect(answer(engineText([{ name: "n", type: "String" }], [[`"${sent}"`]]))).toBe(`{"n":"${sent}"}\n`);
});

test("a value of which the type doesn't tell has its large integers as text too", () => {
  const value = '{"a":9007199254740993,"b":[1,{"c":"9007199254740993"}],"d":1.5e300,"e":12345678901234567.5}';
  expect(answer(engineText([{ name: "n", type: "JSON" }], [[value]]))).toBe(
    `{"n":${value.replace("9007199254740993", '"9007199254740993"')}}\n`,
  );
});

test("names with quotes, text that looks like a note, and no columns' values mixed up", () => {
  const columns = [
    { name: 'a"\\é', type: "String" },
    { name: "progress", type: "String" },
    { name: "row", type: "UInt64" },
  ];
  expect(answer(engineText(columns, [['"{\\"progress\\":{}}\\n\\\\"', '"]}, \\""', "7"]]))).toBe(
    '{"a\\"\\\\é":"{\\"progress\\":{}}\\n\\\\","progress":"]}, \\"","row":7}\n',
  );
});

const ANY_ROW = fc.record({
  n: fc.oneof(
    fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    fc.bigInt(-10n, 10n),
    fc.bigInt(2n ** 53n - 3n, 2n ** 53n + 3n),
  ),
  text: fc.string({ unit: "binary" }),
  list: fc.array(fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { maxLength: 3 }), { maxLength: 3 }),
  map: fc.dictionary(fc.string(), fc.bigInt(-(2n ** 55n), 2n ** 55n), { maxKeys: 3 }),
  float: fc.double({ noNaN: true, noDefaultInfinity: true }),
});

const COLUMNS = [
  { name: "n", type: "Int64" },
  { name: "text", type: "LowCardinality(String)" },
  { name: "list", type: "Array(Array(UInt64))" },
  { name: "map", type: "Map(String, Int64)" },
  { name: "float", type: "Float64" },
];

const safe = (value: bigint): bigint | string =>
  value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER ? String(value) : value;
const json = (value: unknown): string => {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(json).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}:${json(item)}`)
    .join(",")}}`;
};

test("any rows, cut anywhere, come out as their JSON", () => {
  fc.assert(
    fc.property(
      fc.array(ANY_ROW, { maxLength: 8 }),
      fc.array(fc.nat(3000), { maxLength: 6 }),
      (rows, cuts) => {
        const text = engineText(
          COLUMNS,
          rows.map((row) => COLUMNS.map(({ name }) => json(row[name as keyof typeof row]))),
        );
        const pieces = [...new Set(cuts)]
          .filter((cut) => cut < Buffer.byteLength(text))
          .sort((a, b) => a - b);
        const expected = rows.map(
          (row) =>
            `${json({ ...row, n: safe(row.n), list: row.list.map((inner) => inner.map(safe)), map: Object.fromEntries(Object.entries(row.map).map(([key, value]) => [key, safe(value)])) })}\n`,
        );
        expect(answer(text, pieces)).toBe(expected.join(""));
      },
    ),
    { numRuns: 500 },
  );
});
