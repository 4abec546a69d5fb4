import type { Readable } from "node:stream";
import { styleText } from "node:util";

/** Where a command reads and writes: the process itself, or a test's streams. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/** A stream that may be a terminal. */
export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

type Style = Parameters<typeof styleText>[0];

/** Colours a text when it goes to a terminal that shows colours; `NO_COLOR` turns them off. */
export function styled(stream: OutputStream, style: Style, text: string): string {
  return stream.isTTY === true ? styleText(style, text, { stream }) : text;
}

export function printLine(stream: OutputStream, line = ""): void {
  stream.write(`${line}\n`);
}

/** Writes and waits while the reader is behind. */
export async function writeAll(stream: OutputStream, chunk: Uint8Array | string): Promise<void> {
  if (stream.write(chunk)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once("drain", resolve);
  await promise;
}
