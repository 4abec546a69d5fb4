import type { QueryResult } from "../store/store.ts";

const NEWLINE = 0x0a;
const COMMA = 0x2c;

/** Bytes of an answer, in pieces of which the last holds nothing but what differs between two runs of one query. */
export type AnswerParts = AsyncGenerator<Buffer, void, undefined>;

/**
 * The JSON document of PRODUCT.md, made from newline-delimited rows without parsing them: a newline in such a row is
 * always its end, since JSON escapes those within strings.
 */
export async function* jsonDocument(result: QueryResult): AnswerParts {
  let rows = 0;
  yield Buffer.from('{"data":[');
  for await (const chunk of result.chunks) {
    if (chunk.length === 0) continue;
    const list = Buffer.allocUnsafe(chunk.length + 1);
    list[0] = COMMA;
    list.set(chunk, 1);
    const first = rows === 0;
    rows += newlinesToCommas(list);
    // The comma stands before every chunk but the first; the newline at the chunk's end goes.
    yield list.subarray(first ? 1 : 0, list.length - 1);
  }
  const meta = result.columns().map(({ name, type }) => ({ name, type }));
  yield Buffer.from(`],"meta":${JSON.stringify(meta)},"rows":${rows}`);
  const { elapsed, rowsRead, bytesRead } = result.statistics();
  const statistics = { elapsed, rows_read: rowsRead, bytes_read: bytesRead };
  yield Buffer.from(`,"statistics":${JSON.stringify(statistics)}}`);
}

/** All other formats: as the store gives them. */
export async function* plainDocument(result: QueryResult): AnswerParts {
  for await (const chunk of result.chunks)
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  yield Buffer.alloc(0);
}

function newlinesToCommas(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) {
    bytes[at] = COMMA;
    count++;
  }
  return count;
}
