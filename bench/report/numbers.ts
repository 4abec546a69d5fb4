import type { Figure } from "../measure/stats.ts";

/** Three digits that count, with commas between thousands. */
export function number(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const digits = Math.min(20, Math.max(0, 2 - magnitude));
  const unit = 10 ** Math.max(0, magnitude - 2);
  const rounded = unit === 1 ? value : Math.round(value / unit) * unit;
  return rounded.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The median, and the range when there were several rounds. */
export function withRange({ median, min, max, rounds }: Figure): string {
  if (rounds.length < 2) return number(median);
  return `**${number(median)}** (${number(min)} – ${number(max)})`;
}
