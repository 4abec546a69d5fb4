import type { WrittenToken } from "../../src/access/token-entries.ts";
import { createToken, hashToken } from "../../src/access/token.ts";

export interface TestToken {
  readonly token: string;
  readonly entry: WrittenToken;
}

export const NEXT_YEAR = new Date(Date.now() + 365 * 24 * 3600 * 1000).toISOString();

/** A token with its entry, as `headrace token new` makes them. */
export function testToken(
  name: string,
  scopes: readonly string[],
  more: Partial<WrittenToken> = {},
): TestToken {
  const token = createToken();
  return { token, entry: { name, hash: hashToken(token), scopes: [...scopes], expires: NEXT_YEAR, ...more } };
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
