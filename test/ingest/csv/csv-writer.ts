import type { Random } from "../../support/random.ts";

/** How a CSV is written; RFC 4180 leaves these open. */
export interface CsvStyle {
  /** When a cell is quoted that needn't be. */
  readonly quotes: "needed" | "always" | "sometimes";
  readonly lineEnd: "\n" | "\r\n" | "mixed";
  readonly lastLineEnd: boolean;
  readonly mark: boolean;
  readonly emptyLines: boolean;
}

/**
 * A CSV of rows of cells, written without a look at the code that reads it. Undefined is a bare empty cell, which can't
 * be the only one of its row: it would be an empty line.
 */
export function writeCsv(
  rows: readonly (readonly (string | undefined)[])[],
  style: CsvStyle,
  random: Random,
): string {
  const lineEnd = (): string =>
    style.lineEnd === "mixed" ? (random.chance(0.5) ? "\n" : "\r\n") : style.lineEnd;
  let text = style.mark ? "\uFEFF" : "";
  for (const [index, row] of rows.entries()) {
    text += row.map((cell) => writeCell(cell, style, random)).join(",");
    if (index < rows.length - 1 || style.lastLineEnd) text += lineEnd();
    if (style.emptyLines && random.chance(0.2) && index < rows.length - 1) text += lineEnd();
  }
  return text;
}

function writeCell(cell: string | undefined, { quotes }: CsvStyle, random: Random): string {
  if (cell === undefined) return "";
  const isNeeded = cell === "" || /[",\r\n]/.test(cell);
  const isWanted = quotes === "always" || (quotes === "sometimes" && random.chance(0.5));
  return isNeeded || isWanted ? `"${cell.split('"').join('""')}"` : cell;
}
