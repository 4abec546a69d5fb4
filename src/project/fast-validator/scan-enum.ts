import { BYTE, UNSURE, startsWith, type Scan } from "./scan.ts";

/** Scans one of a few strings as JSON.stringify writes them; other spellings are left to the slow path. */
export function scanEnum(values: readonly string[]): Scan {
  // By the first byte of the text, so that an enum of many values stays fast. The closing quote takes part, so that
  // no value is taken for the beginning of another.
  const byFirst: Uint8Array[][] = Array.from({ length: 256 }, () => []);
  for (const value of values) {
    if (value.isWellFormed()) {
      const text = Buffer.from(JSON.stringify(value));
      byFirst[text[1] ?? 0]?.push(text);
    }
  }
  return (body, at) => {
    if (body[at] !== BYTE.quote) return UNSURE;
    const candidates = byFirst[body[at + 1] ?? 0] ?? [];
    for (const text of candidates) {
      if (startsWith(body, at, text)) return at + text.length;
    }
    return UNSURE;
  };
}
