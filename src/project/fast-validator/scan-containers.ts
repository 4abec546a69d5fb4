import type { OpenKeys } from "./open-keys.ts";
import { scanKey } from "./scan-string.ts";
import { BYTE, UNSURE, skipSpaces, type Scan } from "./scan.ts";

/** Scans an array of `min` to `max` elements. */
export function scanArray(element: Scan, min: number, max: number): Scan {
  return (body, start, end) => {
    if (body[start] !== BYTE.openBracket) return UNSURE;
    let at = skipSpaces(body, start + 1);
    if (body[at] === BYTE.closeBracket) return min === 0 ? at + 1 : UNSURE;
    for (let count = 1; count <= max; count++) {
      at = element(body, at, end);
      if (at === UNSURE) return UNSURE;
      at = skipSpaces(body, at);
      if (body[at] === BYTE.closeBracket) return count >= min ? at + 1 : UNSURE;
      if (body[at] !== BYTE.comma) return UNSURE;
      at = skipSpaces(body, at + 1);
    }
    return UNSURE;
  };
}

/** Scans an object of any keys with values of one type. */
export function scanMap(value: Scan, keys: OpenKeys): Scan {
  return (body, start, end) => {
    if (body[start] !== BYTE.openBrace) return UNSURE;
    let at = skipSpaces(body, start + 1);
    if (body[at] === BYTE.closeBrace) return at + 1;
    const object = keys.open();
    for (;;) {
      const afterKey = scanKey(body, at, end);
      if (afterKey === UNSURE || !keys.add(object, body, at, afterKey)) return UNSURE;
      at = skipSpaces(body, afterKey);
      if (body[at] !== BYTE.colon) return UNSURE;
      at = value(body, skipSpaces(body, at + 1), end);
      if (at === UNSURE) return UNSURE;
      at = skipSpaces(body, at);
      if (body[at] === BYTE.closeBrace) {
        keys.close(object);
        return at + 1;
      }
      if (body[at] !== BYTE.comma) return UNSURE;
      at = skipSpaces(body, at + 1);
    }
  };
}
