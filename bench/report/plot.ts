import { HEADRACE } from "../contender.ts";
import type { Results, Table } from "../result.ts";
import { number } from "./numbers.ts";

const WIDTH = 860;
const LEFT = 270;
const RIGHT = 150;
const BAR = 18;
const GAP = 6;
const TITLE = 34;
const OWN = "#0a6c9e";
const PEER = "#9aa7b0";

/** A bar for each contender of each table, scaled within the table; the thin line goes from the least to the greatest. */
export function reportSvg(results: Results): string {
  let y = 16;
  const parts: string[] = [];
  for (const row of results.rows) {
    for (const table of row.tables) {
      const { svg, height } = tableBars(`${row.letter}  ${table.title}`, table, y);
      parts.push(svg);
      y += height;
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 8}" viewBox="0 0 ${WIDTH} ${y + 8}"`,
    ` font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Headrace and its peers">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function tableBars(
  title: string,
  table: Table,
  top: number,
): { readonly svg: string; readonly height: number } {
  const entries = table.entries.filter(({ figures }) => figures !== undefined);
  const most = Math.max(...entries.map(({ figures }) => figures?.value.max ?? 0));
  const scale = (value: number): number => ((WIDTH - LEFT - RIGHT) * value) / most;
  const lines = [
    text(
      12,
      top + 18,
      `${title} (${table.unit}, ${table.better} is better)`,
      'font-weight="600" font-size="13"',
    ),
  ];
  entries.forEach(({ name, figures }, index) => {
    if (figures === undefined) return;
    const { median, min, max } = figures.value;
    const y = top + TITLE + index * (BAR + GAP);
    const middle = y + BAR / 2;
    const fill = name.startsWith(HEADRACE) ? OWN : PEER;
    lines.push(
      text(LEFT - 8, middle + 4, name, 'text-anchor="end"'),
      `<rect x="${LEFT}" y="${y}" width="${scale(median).toFixed(1)}" height="${BAR}" fill="${fill}"/>`,
      `<line x1="${(LEFT + scale(min)).toFixed(1)}" x2="${(LEFT + scale(max)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#202a30"/>`,
      text(LEFT + scale(max) + 8, middle + 4, number(median), ""),
    );
  });
  return { svg: lines.join("\n"), height: TITLE + entries.length * (BAR + GAP) + 12 };
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text x="${x.toFixed(1)}" y="${y}" fill="#202a30" ${attributes}>${escaped}</text>`;
}
