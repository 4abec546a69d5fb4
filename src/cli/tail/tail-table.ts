import { textOf } from "../json-value.ts";
import { fit } from "../table.ts";

/** Columns grow to their widest value so far, and no wider than this. Characters. */
const COLUMN_WIDTH_MAX = 30;
/** The header is printed again after so many rows. */
const ROWS_PER_HEADER = 40;
const GAP = "  ";

export interface TailLine {
  readonly kind: "header" | "row";
  readonly text: string;
}

/** Lays rows out as they come, without knowing those that follow. */
export class TailTable {
  readonly #names: readonly string[];
  readonly #widths: number[];
  readonly #screenWidth: number;
  #rows = 0;

  /** @param screenWidth Characters; longer lines are cut. */
  constructor(names: readonly string[], screenWidth: number) {
    this.#names = names;
    this.#widths = names.map((name) => name.length);
    this.#screenWidth = screenWidth;
  }

  /** The lines for an event: the row, with the header before it when it is time for one. */
  lines(event: Readonly<Record<string, unknown>>): readonly TailLine[] {
    const cells = this.#names.map((name) => shorten(fit(textOf(event[name]))));
    for (const [index, cell] of cells.entries()) {
      this.#widths[index] = Math.max(this.#widths[index] ?? 0, cell.length);
    }
    const row: TailLine = {
      kind: "row",
      text: this.#line(cells, (index) => typeof event[this.#names[index] ?? ""] === "number"),
    };
    const isHeaderDue = this.#rows++ % ROWS_PER_HEADER === 0;
    return isHeaderDue ? [{ kind: "header", text: this.#line(this.#names, () => false) }, row] : [row];
  }

  #line(cells: readonly string[], isNumber: (index: number) => boolean): string {
    const padded = cells.map((cell, index) => {
      const width = this.#widths[index] ?? 0;
      return isNumber(index) ? cell.padStart(width) : cell.padEnd(width);
    });
    return padded.join(GAP).slice(0, this.#screenWidth).trimEnd();
  }
}

function shorten(cell: string): string {
  return cell.length > COLUMN_WIDTH_MAX ? `${cell.slice(0, COLUMN_WIDTH_MAX - 1)}…` : cell;
}
