const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The input without the byte order mark that some editors and spreadsheets begin a file with. */
export async function* withoutMark(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of input) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    // A pipe may cut the mark itself in pieces.
    head = Buffer.concat([head, chunk]);
    if (head.length < BYTE_ORDER_MARK.length) continue;
    yield head.indexOf(BYTE_ORDER_MARK) === 0 ? head.subarray(BYTE_ORDER_MARK.length) : head;
    head = undefined;
  }
  if (head !== undefined) yield head;
}
