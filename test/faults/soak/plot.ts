import { MIB } from "../../../src/units.ts";
import type { Sample } from "./samples.ts";

export interface Plot {
  readonly samples: readonly Sample[];
  /** Seconds: when the server was started again. */
  readonly restarts: readonly number[];
  /** Seconds: from when on it is judged. */
  readonly judgedFrom: number;
}

interface Panel {
  readonly title: string;
  readonly valueOf: (sample: Sample) => number;
}

const PANELS: readonly Panel[] = [
  { title: "memory (MiB in RAM)", valueOf: ({ memory }) => memory / MIB },
  { title: "open file descriptors", valueOf: ({ files }) => files },
  { title: "freshness, p99 (ms)", valueOf: ({ freshness }) => freshness },
];

/** In SVG units. */
const WIDTH = 860;
const PANEL = { height: 150, left: 60, right: 20, top: 30, bottom: 22 };
const POINTS_MAX = 600;

/** A plot of all three figures over time, one below the other, as the text of an SVG file. */
export function plotSvg(plot: Plot): string {
  const height = PANELS.length * PANEL.height + 20;
  const panels = PANELS.map((panel, index) => drawPanel(plot, panel, index * PANEL.height));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>Memory, file descriptors and freshness of a server over ${minutes(endOf(plot))} minutes</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...panels,
    `<text x="${WIDTH / 2}" y="${height - 6}" text-anchor="middle" fill="#555555">minutes; dashed: the server was started again; shaded: judged</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function drawPanel(plot: Plot, { title, valueOf }: Panel, y: number): string {
  const { samples, restarts, judgedFrom } = plot;
  const end = endOf(plot);
  const top = niceTop(Math.max(1, ...samples.map(valueOf)));
  const [x0, x1] = [PANEL.left, WIDTH - PANEL.right];
  const [y0, y1] = [y + PANEL.top, y + PANEL.height - PANEL.bottom];
  const across = (seconds: number) => round(x0 + ((x1 - x0) * seconds) / end);
  const up = (value: number) => round(y1 - ((y1 - y0) * value) / top);
  const shade = `<rect x="${across(judgedFrom)}" y="${y0}" width="${round(x1 - across(judgedFrom))}" height="${y1 - y0}" fill="#eef4fb"/>`;
  const grid = [0, top / 2, top].map(
    (value) =>
      `<path d="M${x0} ${up(value)}H${x1}" stroke="#dddddd"/>` +
      `<text x="${x0 - 6}" y="${up(value) + 4}" text-anchor="end" fill="#555555">${round(value)}</text>`,
  );
  const ticks = [0, end / 2, end].map(
    (seconds) =>
      `<text x="${across(seconds)}" y="${y1 + 15}" text-anchor="middle" fill="#555555">${minutes(seconds)}</text>`,
  );
  const dashes = restarts.map(
    (seconds) => `<path d="M${across(seconds)} ${y0}V${y1}" stroke="#c0392b" stroke-dasharray="4 3"/>`,
  );
  const lines = lives(thinned(samples), restarts).map((life) => {
    const points = life.map((sample) => `${across(sample.at)},${up(valueOf(sample))}`).join(" ");
    return `<polyline points="${points}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>`;
  });
  const heading = `<text x="${x0}" y="${y0 - 8}" fill="#111111">${title}</text>`;
  return [shade, ...grid, ...ticks, ...dashes, ...lines, heading].join("\n");
}

function endOf({ samples }: Plot): number {
  return samples.at(-1)?.at ?? 1;
}

/** A line doesn't go on over a restart. */
function lives(samples: readonly Sample[], restarts: readonly number[]): Sample[][] {
  const lifeOf = ({ at }: Sample) => restarts.filter((restart) => restart <= at).length;
  return [...Map.groupBy(samples, lifeOf).values()];
}

function thinned(samples: readonly Sample[]): readonly Sample[] {
  const step = Math.ceil(samples.length / POINTS_MAX);
  return samples.filter((_, index) => index % step === 0);
}

/** The next number of one digit, or of one and a half. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value) ?? 10;
  return step * power;
}

function minutes(seconds: number): string {
  const value = seconds / 60;
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
