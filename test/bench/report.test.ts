import { describe, expect, test } from "vitest";
import { goal, ratioGoal } from "../../bench/goals.ts";
import { figureOf } from "../../bench/measure/stats.ts";
import { reportMarkdown } from "../../bench/report/markdown.ts";
import { readNotes } from "../../bench/report/notes.ts";
import { number } from "../../bench/report/numbers.ts";
import { reportSvg } from "../../bench/report/plot.ts";
import type { Results, Table } from "../../bench/result.ts";

const table: Table = {
  title: "Flights",
  unit: "events/s",
  better: "more",
  entries: [
    { name: "Headrace", durability: "synced", figures: { value: figureOf([900, 1_000, 1_100]), extra: {} } },
    { name: "slow & <old>", durability: "none", figures: { value: figureOf([300, 250, 275]), extra: {} } },
    { name: "gone", durability: "none", absent: "it is not\ninstalled | here" },
  ],
};
const results: Results = {
  date: "2030-01-02T03:04:05.000Z",
  commit: "abc1234",
  mode: "default",
  rounds: 3,
  machine: [["CPU", "2 × Test"]],
  minutes: 12,
  rows: [
    {
      letter: "A",
      work: "single events",
      tables: [table],
      goals: [
        ratioGoal("must reach", "3× the old one", table, "slow & <old>", 3),
        ratioGoal("beyond", "5× the old one", table, "slow & <old>", 5),
        ratioGoal("must reach", "3× the gone one", table, "gone", 3),
      ],
      remarks: [],
    },
    { letter: "B", work: "batches", tables: [], goals: [], remarks: [], failure: "it broke" },
  ],
};

describe("the report", () => {
  test("has each figure with its range, the ratio, and whether each goal is reached", () => {
    const text = reportMarkdown(results, new Map());
    expect(text).toContain("**1,000** (900 – 1,100)");
    expect(text).toContain("| slow & <old> | **275** (250 – 300) | 4.00× | none |");
    expect(text).toContain("| A | single events | must reach | 3× the old one | 4.00× | ✓ |");
    expect(text).toContain("| 5× the old one | 4.00× | not yet |");
    expect(text).toContain("| 3× the gone one | not measured | ? |");
    expect(text).toContain("absent: it is not installed \\| here");
  });

  test("a row that failed is in it with its reason", () => {
    expect(reportMarkdown(results, new Map())).toContain("Could not be measured: it broke");
  });

  test("what people wrote about a row stands in its section", () => {
    const notes = readNotes(
      "# Notes\n\nIntroduction.\n\n## A\n\nThe disk is slow.\n\nA faster one is next.\n\n## B\n",
    );
    expect([...notes.keys()]).toEqual(["A"]);
    const text = reportMarkdown(results, notes);
    const [, section = ""] = text.split("## A: ");
    expect(section.split("## B: ")[0]).toContain("The disk is slow.\n\nA faster one is next.");
  });

  test("the plot has a bar for whoever was measured, and is well-formed with any name", () => {
    const svg = reportSvg(results);
    expect(svg.match(/<rect x=/g)).toHaveLength(2);
    expect(svg).toContain("slow &#38; &#60;old&#62;");
    expect(svg).not.toContain("NaN");
  });

  test("numbers have three digits that count", () => {
    expect([1_234_567, 123.4, 12.34, 1.234, 0.012345, 0, Number.NaN].map(number)).toEqual([
      "1,230,000",
      "123",
      "12.3",
      "1.23",
      "0.0123",
      "0",
      "–",
    ]);
  });

  test("a goal that couldn't be measured is neither reached nor missed", () => {
    expect(goal("must reach", "x", Number.NaN, () => true).reached).toBeUndefined();
    expect(goal("must reach", "x", 0, (value) => value > 1).reached).toBe(false);
  });
});
