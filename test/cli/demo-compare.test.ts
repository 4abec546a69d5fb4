import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { differences, figuresOfFile } from "../../examples/flights/demo/compare.ts";

const file = [
  { origin: "ATL", flights: 3, mean_delay: 1 / 3 },
  { origin: "BOS", flights: 1, mean_delay: -4 },
];

test("equal figures in any order have no difference, up to the last digits of a mean", () => {
  const served = [
    { origin: "BOS", flights: 1, mean_delay: -4 },
    { origin: "ATL", flights: 3, mean_delay: 0.33333333333333337 },
  ];
  expect(differences(served, file)).toEqual([]);
});

test.each([
  ["a missing airport", [file[0]], /^BOS: the endpoint says nothing, the file 1 flights/],
  [
    "one flight more",
    [file[0], { origin: "BOS", flights: 2, mean_delay: -4 }],
    /^BOS: the endpoint says 2 flights/,
  ],
  [
    "another mean",
    [{ origin: "ATL", flights: 3, mean_delay: 0.33334 }, file[1]],
    /^ATL: .*0\.33334, the file/,
  ],
  ["an airport more", [...file, { origin: "XXX", flights: 1, mean_delay: 0 }], /^XXX: .*no such airport/],
])("%s is named", (_, served, line) => {
  const rows = served.flatMap((row) => (row === undefined ? [] : [row]));
  expect(differences(rows, file)).toEqual([expect.stringMatching(line) as string]);
});

test("the file's own figures are those of its first rows", async () => {
  const path = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
  expect(await figuresOfFile(path, 2)).toEqual(
    expect.arrayContaining([
      { origin: "LAS", flights: 1, mean_delay: 33 },
      { origin: "ATL", flights: 1, mean_delay: 19 },
    ]) as unknown,
  );
});
