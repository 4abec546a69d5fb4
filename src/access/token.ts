import { hash, randomBytes } from "node:crypto";

/** So that people and secret scanners see what it is. */
const TOKEN_PREFIX = "hr_";
const TOKEN_RANDOM_BYTES = 32;
const HASH_PREFIX = "sha256:";
const HASH = /^sha256:([0-9a-f]{64})$/;

/** A new token: `hr_` and 256 random bits as base64url. */
export function createToken(): string {
  return TOKEN_PREFIX + randomBytes(TOKEN_RANDOM_BYTES).toString("base64url");
}

/**
 * The digest that is kept of a token. A plain SHA-256 is right for it and bcrypt would not be: slow hashes make guessing
 * a password expensive, and 256 random bits can't be guessed at any price; but every request would pay for the slowness.
 */
export function digestToken(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

/** A token's hash as the tokens file has it: `sha256:` and 64 hexadecimal digits, as `sha256sum` prints them. */
export function hashToken(token: string): string {
  return HASH_PREFIX + digestToken(token).toString("hex");
}

/** The digest in a hash as the tokens file has it; undefined when it is something else. */
export function readHash(text: string): Buffer | undefined {
  const digits = HASH.exec(text)?.[1];
  return digits === undefined ? undefined : Buffer.from(digits, "hex");
}
