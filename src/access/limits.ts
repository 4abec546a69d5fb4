import { MIB, SECOND } from "../units.ts";

/** Tokens of one server. */
export const TOKENS_MAX = 10_000;
/** The size of a tokens file. Bytes. */
export const TOKENS_BYTES_MAX = 8 * MIB;
/** Scopes of one token. */
export const SCOPES_MAX = 1_000;
/** The highest rate and the largest burst that a token can be given. */
export const RATE_MAX = 1_000_000;
/** How often the tokens file is looked at, and expired tokens are ended. Milliseconds. */
export const TOKENS_CHECK_INTERVAL = SECOND;
/** The longest Authorization header that is looked at. Characters. */
export const AUTHORIZATION_LENGTH_MAX = 1024;
