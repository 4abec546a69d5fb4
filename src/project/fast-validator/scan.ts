/**
 * A scanner looks at the bytes of one JSON value, from its first byte at `at`. It returns the place after the value
 * when it is sure that the value is good as it stands, and `UNSURE` for everything else. It builds no objects.
 *
 * A scanner's loops stop at `end`; single bytes may be looked at beyond it, so the caller compares the place after the
 * whole event with `end`: a value that ran over it doesn't count.
 */
export type Scan = (body: Buffer, at: number, end: number) => number;

/** The answer of a scanner that leaves the decision to the slow path. */
export const UNSURE = -1;

/** Leaves every value to the slow path. */
export function scanNothing(): number {
  return UNSURE;
}

/** Bytes that have a meaning in JSON. */
export const BYTE = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  slash: 0x2f,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  T: 0x54,
  Z: 0x5a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  n: 0x6e,
  t: 0x74,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** The byte there; 0, which no JSON text holds, past the end of the buffer. */
export function byteAt(body: Buffer, at: number): number {
  return body[at] ?? 0;
}

/** The digit there, 0 to 9; something outside 0 to 9 when it isn't one. */
export function digitAt(body: Buffer, at: number): number {
  return byteAt(body, at) - BYTE.zero;
}

export function isDigit(byte: number): boolean {
  return byte >= BYTE.zero && byte <= BYTE.nine;
}

/** Whether the byte is one of 0-9, a-f, A-F. */
export function isHex(byte: number): boolean {
  return HEX[byte] === 1;
}

const HEX = new Uint8Array(256);
for (const byte of Buffer.from("0123456789abcdefABCDEF")) HEX[byte] = 1;

/**
 * The first place from `at` on that is neither a space nor a tab. Newlines, although JSON allows them between tokens,
 * stay: a line to load can't hold them.
 */
export function skipSpaces(body: Buffer, at: number): number {
  let next = at;
  while (body[next] === BYTE.space || body[next] === BYTE.tab) next++;
  return next;
}

/** Whether the bytes from `at` on are these. */
export function startsWith(body: Buffer, at: number, bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) {
    if (body[at + index] !== bytes[index]) return false;
  }
  return true;
}

/** Scans one word, such as `true`. */
export function scanWord(word: string): Scan {
  const bytes = Buffer.from(word, "latin1");
  return (body, at) => (startsWith(body, at, bytes) ? at + bytes.length : UNSURE);
}

export const scanNull = scanWord("null");
const scanTrue = scanWord("true");
const scanFalse = scanWord("false");

export function scanBoolean(body: Buffer, at: number, end: number): number {
  return body[at] === BYTE.t ? scanTrue(body, at, end) : scanFalse(body, at, end);
}
