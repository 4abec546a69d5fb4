import type { WireType } from "../wire-type.ts";
import { exactNumber, fractionDigits, keepsInteger, plainText, wholeDigits } from "./exact-number.ts";
import type { Judge } from "./judged.ts";
import { NUMBER_LENGTH_MAX } from "./read-json.ts";

/** The digits of the largest 64-bit integer. */
const INTEGER_DIGITS_MAX = 20;
/** Characters of a float that are handed on as they are: the engine reads no longer ones in every place. */
const FLOAT_TEXT_MAX = 64;

/** Integers: 5, 5.0 and 5e0 are the same number, so each is taken, and written plainly. */
export function judgeInteger({ min, max, text }: WireType & { readonly kind: "int" }): Judge {
  const expected = text ? "an integer or a string of digits" : "an integer";
  return (node, scope) => {
    const written = node.kind === "number" ? node.text : undefined;
    const lexeme =
      written ?? (text && node.kind === "string" && DIGITS.test(node.value) ? node.value : undefined);
    if (lexeme === undefined) return scope.wrongType(expected, node);
    const number = exactNumber(lexeme);
    if (fractionDigits(number) > 0) return scope.wrongType(expected, node);
    const value = wholeDigits(number) > INTEGER_DIGITS_MAX ? undefined : BigInt(plainText(number));
    if (value === undefined || value < min || value > max) {
      return scope.expected("out_of_range", `an integer from ${min} to ${max}`, node);
    }
    return { value: text ? value : Number(value), line: String(value) };
  };
}

const DIGITS = /^-?(?:0|[1-9]\d{0,19})$/;

/** Floats: fractions are rounded to the nearest, as floats are; an integer that would come back as another is refused. */
export function judgeFloat(bits: 32 | 64): Judge {
  const round = bits === 32 ? Math.fround : (value: number): number => value;
  return (node, scope) => {
    if (node.kind !== "number") return scope.wrongType("a number", node);
    const value = Number(node.text);
    const vanishes = round(value) === 0 && exactNumber(node.text).digits !== "";
    if (!Number.isFinite(round(value)) || vanishes) {
      return scope.expected("out_of_range", `a number that ${bits} bits can hold`, node);
    }
    if (INTEGER.test(node.text) && !keepsInteger(node.text, bits)) {
      return scope.expected("not_exact", `an integer that a ${bits}-bit float keeps exactly`, node);
    }
    return { value, line: node.text.length <= FLOAT_TEXT_MAX ? node.text : String(value) };
  };
}

const INTEGER = /^-?\d+$/;

/** Decimals: every digit is kept or the value is refused. */
export function judgeDecimal({ precision, scale, text }: WireType & { readonly kind: "decimal" }): Judge {
  const whole = precision - scale;
  const inString = text === true;
  const expected = inString ? "a number in a string" : "a number";
  return (node, scope) => {
    if (node.kind !== "string" && node.kind !== "number") return scope.wrongType(expected, node);
    if (inString !== (node.kind === "string")) return scope.wrongType(expected, node);
    const lexeme = node.kind === "string" ? node.value : node.text;
    if (lexeme.length > NUMBER_LENGTH_MAX || !NUMBER.test(lexeme)) {
      return scope.expected("invalid_format", expected, node);
    }
    const number = exactNumber(lexeme);
    if (wholeDigits(number) > whole) {
      return scope.expected("out_of_range", `at most ${whole} digits before the point`, node);
    }
    if (fractionDigits(number) > scale) {
      return scope.expected("not_exact", `at most ${scale} digits after the point`, node);
    }
    return { value: inString ? lexeme : Number(lexeme), line: plainText(number) };
  };
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
