import { HEADRACE } from "../contender.ts";
import { ratioOf } from "../measure/stats.ts";
import type { Entry, Goal, Results, RowResult, Table } from "../result.ts";
import { number, withRange } from "./numbers.ts";

/** The whole report. `notes` has what people wrote about a row, under its letter. */
export function reportMarkdown(results: Results, notes: ReadonlyMap<string, string>): string {
  return [
    "# What Headrace measures",
    "",
    "Written by `npm run bench`; what stands under *Why and what next* comes from [notes.md](notes.md). [README.md](README.md) says how " +
      "it is measured and who the peers are.",
    "",
    ...conditions(results),
    "",
    "![Headrace and its peers](report.svg)",
    "",
    "## The goals",
    "",
    ...goalTable(results.rows),
    "",
    ...results.rows.flatMap((row) => rowSection(row, notes.get(row.letter))),
  ]
    .join("\n")
    .replace(/\n{3,}/g, "\n\n");
}

function conditions({ date, commit, mode, rounds, minutes, machine }: Results): string[] {
  const length = mode === "default" ? "" : ` (\`--${mode}\`)`;
  return [
    `${date.slice(0, 16).replace("T", " ")} UTC, commit ${commit}, ${rounds} ${rounds === 1 ? "round" : "alternating rounds"}${length}, ` +
      `${minutes.toFixed(0)} minutes.`,
    "",
    ...tableLines(
      ["", ""],
      machine.map(([what, value]) => [what, value]),
    ),
    "",
    "Everything runs on these cores: the load generator, the server, its peers. A figure is the median of the rounds, with the least and " +
      "the greatest; a ratio is Headrace's figure over the peer's, the median of the rounds' own ratios. CPU seconds are those of the server's " +
      "processes with all their threads and children.",
    ...(mode === "quick"
      ? [
          "",
          "**A quick run: it shows that everything works. Its figures are of one short round and say little.**",
        ]
      : []),
  ];
}

function goalTable(rows: readonly RowResult[]): string[] {
  const lines = rows.flatMap((row) =>
    row.failure === undefined
      ? row.goals.map((goal) => [row.letter, row.work, goal.level, goal.text, goal.measured, verdict(goal)])
      : [[row.letter, row.work, "", "", "could not be measured", "✗"]],
  );
  return tableLines(["", "work", "", "goal", "measured", "reached"], lines);
}

function verdict({ reached, level }: Goal): string {
  if (reached === undefined) return "?";
  if (reached) return "✓";
  return level === "beyond" ? "not yet" : "✗";
}

function rowSection(row: RowResult, note: string | undefined): string[] {
  return [
    `## ${row.letter}: ${row.work}`,
    "",
    ...(row.failure === undefined ? [] : [`Could not be measured: ${oneLine(row.failure)}`, ""]),
    ...row.tables.flatMap((table) => [`${table.title}:`, "", ...figureTable(table), ""]),
    ...row.goals.map(
      (goal) => `- ${goal.level}: ${goal.text}. Measured: ${goal.measured}. ${sentence(goal)}`,
    ),
    "",
    ...row.remarks.flatMap((remark) => [remark, ""]),
    ...(note === undefined ? [] : ["**Why and what next.** " + note, ""]),
  ];
}

function sentence({ reached }: Goal): string {
  return reached === undefined ? "" : reached ? "Reached." : "**Not reached.**";
}

function figureTable(table: Table): string[] {
  const titles = [...new Set(table.entries.flatMap(({ figures }) => Object.keys(figures?.extra ?? {})))];
  const hasCpu = table.entries.some(({ figures }) => figures?.cpu !== undefined);
  const own = table.entries.find(({ name }) => name === HEADRACE);
  const hasRatio = own !== undefined && table.entries.length > 1;
  const header = [
    "",
    table.unit,
    ...(hasRatio ? ["ratio"] : []),
    ...(hasCpu ? [`CPU s for ${table.per ?? "a million events"}`] : []),
    ...titles,
    "what an answer means",
  ];
  const lines = table.entries.map((entry) => [
    entry.name,
    ...(entry.figures === undefined
      ? [`absent: ${oneLine(entry.absent ?? "")}`, ...header.slice(2, -1).map(() => "")]
      : [
          withRange(entry.figures.value),
          ...(hasRatio ? [ratioTo(own, entry)] : []),
          ...(hasCpu ? [entry.figures.cpu === undefined ? "" : withRange(entry.figures.cpu)] : []),
          ...titles.map((title) => {
            const figure = entry.figures?.extra[title];
            return figure === undefined ? "" : number(figure.median);
          }),
        ]),
    entry.durability,
  ]);
  return tableLines(header, lines);
}

function ratioTo(own: Entry, other: Entry): string {
  if (own === other || own.figures === undefined || other.figures === undefined) return "";
  return `${number(ratioOf(own.figures.value, other.figures.value).median)}×`;
}

function tableLines(header: readonly string[], lines: readonly (readonly string[])[]): string[] {
  return [tableLine(header), tableLine(header.map(() => "---")), ...lines.map(tableLine)];
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function oneLine(text: string): string {
  return text.split("\n").slice(0, 3).join(" ").slice(0, 300);
}
