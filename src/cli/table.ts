/** One column of a printed table; numbers stand at the right. */
export interface TableColumn {
  readonly name: string;
  readonly align?: "left" | "right";
}

/** The most characters of one cell; longer ones end in "…". */
const CELL_WIDTH_MAX = 60;
const GAP = "  ";

/**
 * Lays rows out under a header, each column as wide as its widest cell. Control characters are shown escaped: a value
 * can't move the cursor.
 * @returns Lines without newlines: the header, then one for each row.
 */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const cells = [columns.map((column) => column.name), ...rows].map((row) => row.map(fit));
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells.map((row) =>
    columns
      .map(({ align }, index) => {
        const cell = row[index] ?? "";
        const width = widths[index] ?? 0;
        return align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** A cell as it is printed: control characters escaped, cut at its most characters. */
export function fit(cell: string): string {
  const text = cell.replaceAll(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return text.length > CELL_WIDTH_MAX ? `${text.slice(0, CELL_WIDTH_MAX - 1)}…` : text;
}
