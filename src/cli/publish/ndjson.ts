import { HeadraceError } from "../../errors.ts";
import { MIB } from "../../units.ts";

/** No server takes an event of this size; a file without newlines must not fill the memory. */
export const EVENT_BYTES_MAX = 64 * MIB;

const NEWLINE = 0x0a;

/**
 * Splits NDJSON into its lines, as they are, without the newlines; blank lines are left out. The lines share the memory of
 * the chunks they came in.
 * @throws HeadraceError `input_unreadable` for a line over EVENT_BYTES_MAX.
 */
export async function* readNdjson(
  input: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of input) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE, start); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      pushLine(lines, rest.length === 0 ? piece : Buffer.concat([...rest, piece]));
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
      if (restBytes > EVENT_BYTES_MAX) throw tooLong(name);
    }
    if (lines.length > 0) yield lines;
  }
  const last: Buffer[] = [];
  pushLine(last, Buffer.concat(rest));
  if (last.length > 0) yield last;
}

export function tooLong(name: string): HeadraceError {
  return new HeadraceError(
    "input_unreadable",
    `${name}: an event is longer than ${EVENT_BYTES_MAX / MIB} MiB; is it in another format?`,
  );
}

function pushLine(lines: Buffer[], line: Buffer): void {
  for (const byte of line) {
    // Anything but a space, a tab or a carriage return makes it a line; usually the first byte does.
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) {
      lines.push(line);
      return;
    }
  }
}
