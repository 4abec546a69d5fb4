import type { PlannedBatch } from "../store.ts";

/** The fields of a line that say which event it is. No declared column has such a name. */
export const IDENTITY = { offset: "_o", acceptedAt: "_a" } as const;
/** An object without them, as a second one on a line has none, is NULL there. */
export const IDENTITY_STRUCTURE = `${IDENTITY.offset} Nullable(UInt64), ${IDENTITY.acceptedAt} Int64`;

const NEWLINE = 0x0a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** Bytes that are put into a line at most: both names, and two numbers of up to 16 digits. */
const IDENTITY_BYTES = `{"${IDENTITY.offset}":,"${IDENTITY.acceptedAt}":,`.length + 2 * 17;

/**
 * The batch's lines, each with its offset and accept time before its own fields. The lines must have been checked: as many as
 * the batch counts, and each an object.
 */
export function identifiedLines({ lines, offsets, acceptedAt }: PlannedBatch): Buffer[] {
  let row = 0;
  return lines.map((chunk) => {
    const out = Buffer.allocUnsafe(chunk.length + countLines(chunk) * IDENTITY_BYTES);
    let [at, start] = [0, 0];
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const fields = chunk.indexOf(OPEN_OBJECT, start) + 1;
      const comma = isEmptyObject(chunk, fields) ? "" : ",";
      const [offset, time] = [offsets[row] ?? 0, Math.floor(acceptedAt[row] ?? 0)];
      at += out.write(
        `{"${IDENTITY.offset}":${offset},"${IDENTITY.acceptedAt}":${time}${comma}`,
        at,
        "latin1",
      );
      at += chunk.copy(out, at, fields, end + 1);
      start = end + 1;
      row++;
    }
    return out.subarray(0, at);
  });
}

function countLines(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** Whether nothing but spaces comes before the closing brace. */
function isEmptyObject(chunk: Uint8Array, from: number): boolean {
  let at = from;
  for (let byte = chunk[at]; byte === 0x20 || byte === 0x09 || byte === 0x0d; byte = chunk[at]) at++;
  return chunk[at] === CLOSE_OBJECT;
}
