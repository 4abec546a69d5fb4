import { scanKey } from "./scan-string.ts";
import { BYTE, UNSURE, scanNull, skipSpaces, startsWith, type Scan } from "./scan.ts";

/** A field of an object as the generated code needs it. */
export interface FieldScan {
  readonly name: string;
  readonly required: boolean;
  readonly nullable: boolean;
  readonly scan: Scan;
}

/** Fields whose presence one number notes: integers of 31 bits stay unboxed in every engine build. */
const FIELDS_PER_WORD = 30;
/** Past so many bytes of keys they are compared in a loop: V8 doesn't optimise very large functions. */
const UNROLLED_KEY_BYTES_MAX = 2048;
/** How many absent fields are stepped over before a key is looked up by its text. */
const SKIPPED_FIELDS_MAX = 4;

/**
 * Compiles the scanner of an object with these fields, of which there must be one at least: JavaScript with a case for
 * each field, which takes a third less time than a loop over a table of them. Nothing of the declaration enters the
 * code but numbers.
 *
 * Fields may come in any order. The code expects the field that came after this one in an event before, so that any
 * steady order is as fast as the declared one, or one of the next, when optional fields are left out. A key that is
 * unknown, escaped or comes twice is left to the slow path.
 */
export function compileObject(fields: readonly FieldScan[]): Scan {
  const keys = fields.map((field) => Buffer.from(JSON.stringify(field.name)));
  // follows[0] is the field that comes first, follows[1 + n] the one after field n.
  const follows = Int32Array.from({ length: fields.length + 1 }, (_, index) => index % fields.length);
  const parts: Parts = {
    skipSpaces,
    scanNull,
    scanKey,
    startsWith,
    keys,
    scans: fields.map((field) => field.scan),
    byName: new Map(fields.map((field, index) => [field.name, index])),
    follows,
  };
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the point of this file; see above for what enters
  const build = new Function("parts", objectSource(fields, keys)) as (parts: Parts) => Scan;
  return build(parts);
}

interface Parts {
  readonly skipSpaces: typeof skipSpaces;
  readonly scanNull: Scan;
  readonly scanKey: Scan;
  readonly startsWith: typeof startsWith;
  readonly keys: readonly Buffer[];
  readonly scans: readonly Scan[];
  readonly byName: ReadonlyMap<string, number>;
  readonly follows: Int32Array;
}

function objectSource(fields: readonly FieldScan[], keys: readonly Buffer[]): string {
  const unrolled = keys.reduce((sum, key) => sum + key.length, 0) <= UNROLLED_KEY_BYTES_MAX;
  return `"use strict";
const { skipSpaces, scanNull, scanKey, startsWith, keys, byName, follows } = parts;
${keys.map((_, index) => `const key${index} = keys[${index}], scan${index} = parts.scans[${index}];`).join("\n")}
return function scanObject(body, start, end) {
  if (body[start] !== ${BYTE.openBrace}) return ${UNSURE};
  let at = skipSpaces(body, start + 1);
  let before = 0;
  ${seenWords(fields)}
  if (body[at] === ${BYTE.closeBrace}) return ${allSeen(fields)} ? at + 1 : ${UNSURE};
  for (;;) {
    let field = follows[before];
    let afterKey = ${UNSURE};
    switch (field) {
${keys.map((key, index) => keyCase(key, index, unrolled)).join("\n")}
    }
    for (let tries = 0; afterKey === ${UNSURE} && tries < ${SKIPPED_FIELDS_MAX}; tries++) {
      field = follows[1 + field];
      if (startsWith(body, at, keys[field])) afterKey = at + keys[field].length;
    }
    if (afterKey === ${UNSURE}) {
      afterKey = scanKey(body, at, end);
      if (afterKey === ${UNSURE}) return ${UNSURE};
      field = byName.get(body.toString("utf8", at + 1, afterKey - 1));
      if (field === undefined) return ${UNSURE};
      follows[before] = field;
    }
    before = field + 1;
    at = skipSpaces(body, afterKey);
    if (body[at] !== ${BYTE.colon}) return ${UNSURE};
    at = skipSpaces(body, at + 1);
    switch (field) {
${fields.map(valueCase).join("\n")}
    }
    if (at === ${UNSURE}) return ${UNSURE};
    at = skipSpaces(body, at);
    if (body[at] === ${BYTE.closeBrace}) return ${allSeen(fields)} ? at + 1 : ${UNSURE};
    if (body[at] !== ${BYTE.comma}) return ${UNSURE};
    at = skipSpaces(body, at + 1);
  }
};`;
}

/** Sets `afterKey` when the field's key stands at `at`. */
function keyCase(key: Buffer, index: number, unrolled: boolean): string {
  const bytes = Array.from(key, (byte, offset) => `body[at + ${offset}] === ${byte}`);
  const found = unrolled ? bytes.join(" && ") : `startsWith(body, at, key${index})`;
  return `      case ${index}: if (${found}) afterKey = at + ${key.length}; break;`;
}

/** Scans the field's value, unless it has come before. */
function valueCase(field: FieldScan, index: number): string {
  const [word, bit] = place(index);
  const scan = `scan${index}(body, at, end)`;
  const value = field.nullable ? `body[at] === ${BYTE.n} ? scanNull(body, at, end) : ${scan}` : scan;
  return `      case ${index}: if ((seen${word} & ${bit}) !== 0) return ${UNSURE}; seen${word} |= ${bit}; at = ${value}; break;`;
}

/** Declares the numbers whose bits say which fields have come. */
function seenWords(fields: readonly FieldScan[]): string {
  const words = Math.ceil(fields.length / FIELDS_PER_WORD);
  return Array.from({ length: words }, (_, word) => `let seen${word} = 0;`).join(" ");
}

/** Whether all required fields have come, as an expression. */
function allSeen(fields: readonly FieldScan[]): string {
  const masks = Array.from({ length: Math.ceil(fields.length / FIELDS_PER_WORD) }, () => 0);
  for (const [index, field] of fields.entries()) {
    const [word, bit] = place(index);
    if (field.required) masks[word] = (masks[word] ?? 0) | bit;
  }
  const tests = masks.map((mask, word) => `(seen${word} & ${mask}) === ${mask}`);
  return ["true", ...tests].join(" && ");
}

/** The word and the bit in it that note a field. */
function place(index: number): [word: number, bit: number] {
  return [Math.floor(index / FIELDS_PER_WORD), 1 << (index % FIELDS_PER_WORD)];
}
