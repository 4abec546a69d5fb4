import { SECOND } from "../units.ts";
import type { OutputStream } from "./io.ts";

/** How often a terminal's lines are rewritten, and how often another output gets a line. */
const TERMINAL_INTERVAL = SECOND / 10;
const PLAIN_INTERVAL = 3 * SECOND;
const BAR_WIDTH = 24;

/** Lines that change in place on a terminal; elsewhere the first of them is printed every few seconds, and all at the end. */
export interface LiveLines {
  /** Shows these lines instead of the last ones; `lines` is only called when it is time to. */
  update(lines: () => readonly string[]): void;
  /** Shows the last state, whatever the time, and leaves it there. */
  finish(lines: () => readonly string[]): void;
}

export function liveLines(stream: OutputStream, now: () => number = () => performance.now()): LiveLines {
  const terminal = stream.isTTY === true;
  const interval = terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
  let next = terminal ? 0 : now() + interval;
  let shown = 0;

  function show(lines: readonly string[]): void {
    // A line that wraps would take two rows, and the cursor would go up too little.
    const width = (stream.columns ?? 80) - 1;
    const up = shown > 0 ? `\x1b[${shown}A` : "";
    stream.write(`${up}\r\x1b[J${lines.map((line) => `${line.slice(0, width)}\n`).join("")}`);
    shown = lines.length;
  }

  return {
    update(lines) {
      if (now() < next) return;
      next = now() + interval;
      if (terminal) show(lines());
      else stream.write(`${lines()[0] ?? ""}\n`);
    },
    finish(lines) {
      if (terminal) show(lines());
      else
        stream.write(
          lines()
            .map((line) => `${line}\n`)
            .join(""),
        );
      shown = 0;
    },
  };
}

/** `████████░░░░░░░░  52 %`, or nothing when the whole isn't known. */
export function progressBar(fraction: number | undefined): string {
  if (fraction === undefined) return "";
  const share = Math.min(1, Math.max(0, fraction));
  const full = Math.floor(share * BAR_WIDTH);
  return `${"█".repeat(full)}${"░".repeat(BAR_WIDTH - full)} ${String(Math.floor(share * 100)).padStart(3)} %`;
}

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
