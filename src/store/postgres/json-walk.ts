const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Digits of Number.MAX_SAFE_INTEGER. */
const SAFE_DIGITS = 16;
/** More characters than the shortest text of any 64-bit float has. */
const FLOAT_LENGTH_MAX = 24;

/**
 * JSON as the server writes it, without spaces, and with an integer that a JSON number can't hold exactly (beyond
 * ±(2^53 - 1)) as a string. A number with a point is a float.
 */
export function compactJson(json: string): string {
  let out = "";
  let copied = 0;
  let at = 0;
  const cut = (end: number, insteadOf: string, next: number): void => {
    out += json.slice(copied, end) + insteadOf;
    copied = next;
  };
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(json, at);
    } else if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      cut(at, "", at + 1);
      at++;
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const end = endOfNumber(json, at);
      if (end - at >= SAFE_DIGITS) {
        const text = json.slice(at, end);
        const written = longNumber(text);
        if (written !== text) cut(at, written, end);
      }
      at = end;
    } else {
      at++;
    }
  }
  return copied === 0 ? json : out + json.slice(copied);
}

function longNumber(text: string): string {
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(Number(text)) ? text : `"${text}"`;
  // Such as 5e-324, or an integer of more than 53 bits that is a float.
  return text.length > FLOAT_LENGTH_MAX || text.endsWith(".0") ? floatJson(text) : text;
}

/** A float as JSON: the shortest digits that give it back; what JSON has no number for as text. */
export function floatJson(text: string): string {
  if (text === "NaN") return '"nan"';
  if (text === "Infinity") return '"inf"';
  if (text === "-Infinity") return '"-inf"';
  if (text === "-0") return text;
  return String(Number(text)).replace("e+", "e");
}

function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
  }
  return json.length;
}

function endOfNumber(json: string, start: number): number {
  let at = start + 1;
  for (; at < json.length; at++) {
    const code = json.charCodeAt(at);
    // Digits, a point, an exponent and its sign.
    const within = (code >= 0x30 && code <= 0x39) || code === 0x2e || (code | 0x20) === 0x65;
    if (!within && code !== 0x2b && code !== 0x2d) break;
  }
  return at;
}
