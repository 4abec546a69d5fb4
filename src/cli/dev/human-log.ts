import { textOf } from "../json-value.ts";
import { styled, type OutputStream } from "../io.ts";

const LEVEL_STYLES: Readonly<Record<string, Parameters<typeof styled>[1]>> = {
  fatal: "red",
  error: "red",
  warn: "yellow",
  info: "green",
  debug: "dim",
  trace: "dim",
};
const LEVEL_WIDTH = 5;

/** One line of the server's log as people read it: `10:21:07 info  the stream is loaded stream=flights`. */
export function humanLogLine(line: string, stream: OutputStream): string {
  const entry = parseEntry(line);
  if (entry === undefined) return line;
  const { level, time, msg, ...rest } = entry;
  const name = textOf(level).padEnd(LEVEL_WIDTH);
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${fieldText(value)}`);
  return [
    styled(stream, "dim", clock(time)),
    styled(stream, LEVEL_STYLES[textOf(level)] ?? "reset", name),
    textOf(msg),
    styled(stream, "dim", fields.join(" ")),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function parseEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "msg" in value ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function clock(time: unknown): string {
  const date = new Date(textOf(time));
  return Number.isNaN(date.getTime()) ? "" : date.toTimeString().slice(0, 8);
}

function fieldText(value: unknown): string {
  // An error's stack has lines of its own.
  if (typeof value === "object" && value !== null && "stack" in value) return `\n${textOf(value.stack)}`;
  return typeof value === "string" && !/\s/.test(value) ? value : JSON.stringify(value);
}
