import { z } from "zod";
import { HeadraceError, messageOf } from "../errors.ts";
import { RATE_MAX, SCOPES_MAX, TOKENS_MAX } from "./limits.ts";
import { ANYONE, SERVER } from "./route-scope.ts";
import { scopeProblem } from "./scopes.ts";
import { readHash } from "./token.ts";

/** What is known of a token. The token itself is nowhere but with its holder. */
export interface TokenEntry {
  readonly name: string;
  /** SHA-256 of the token. */
  readonly digest: Buffer;
  readonly scopes: ReadonlySet<string>;
  /** From when on it is refused. Milliseconds since 1970. */
  readonly expires: number;
  readonly rate: TokenRate | undefined;
}

export interface TokenRate {
  readonly requestsPerSecond: number;
  /** Requests that may come at once after a pause. */
  readonly burst: number;
}

/** An entry as it is written, in a file or in HEADRACE_TOKENS. */
export type WrittenToken = z.input<typeof writtenToken>;

/** Neither a colon, which ends the caller in an idempotency key's scope, nor anything that a log line would have to quote. */
const TOKEN_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

const RESERVED_NAMES = [ANYONE, SERVER.name];
/** What a token looks like, wherever somebody put it by mistake. */
const TOKEN_ITSELF = /hr_[A-Za-z0-9_-]{20,}/;

const writtenToken = z.strictObject({
  name: z
    .string()
    .regex(TOKEN_NAME, "expected up to 64 letters, digits, _, . and -, the first a letter or digit")
    .refine((name) => !RESERVED_NAMES.includes(name), `${RESERVED_NAMES.join(" and ")} are Headrace's own`)
    .refine((name) => !TOKEN_ITSELF.test(name), "expected a name, got what looks like a token"),
  // The message must not repeat what is there instead: it may be the token itself.
  hash: z
    .string()
    .refine(
      (text) => readHash(text) !== undefined,
      "expected sha256: and 64 lower-case hexadecimal digits, as `headrace token new` prints it",
    ),
  scopes: z
    .array(
      z.string().check(({ value, issues }) => {
        const problem = scopeProblem(value);
        if (problem !== undefined) issues.push({ code: "custom", message: problem, input: value });
      }),
    )
    .min(1, "expected at least one scope")
    .max(SCOPES_MAX),
  expires: z.iso.datetime({ offset: true, error: "expected a time such as 2027-01-01T00:00:00Z" }),
  rate: z
    .strictObject({
      requests_per_second: z.number().positive().max(RATE_MAX),
      burst: z.int().min(1).max(RATE_MAX).optional(),
    })
    .optional(),
});

/**
 * Reads a JSON array of tokens.
 * @param source Where the text is from, as messages name it. They never quote from it.
 * @throws HeadraceError `config_invalid` with the entry that is wrong.
 */
export function parseTokens(text: string, source: string): readonly TokenEntry[] {
  const list = parseList(text, source);
  const entries = list.map((one, index) => toEntry(readEntry(one, index, source)));
  const first = new Map<string, number>();
  for (const [index, { digest, name }] of entries.entries()) {
    const key = digest.toString("hex");
    const before = first.get(key);
    if (before !== undefined) {
      throw invalid(source, `entries ${before + 1} and ${index + 1} ("${name}") have the same hash`);
    }
    first.set(key, index);
  }
  return entries;
}

function parseList(text: string, source: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The engine's own message quotes from the text.
    const where = /\(line \d+ column \d+\)/.exec(messageOf(error))?.[0] ?? "";
    throw invalid(source, `it isn't JSON ${where}`.trimEnd());
  }
  if (!Array.isArray(value)) throw invalid(source, "expected a JSON array of tokens");
  if (value.length > TOKENS_MAX) {
    throw invalid(source, `${value.length} tokens are more than ${TOKENS_MAX}`);
  }
  return value;
}

function readEntry(value: unknown, index: number, source: string): WrittenToken {
  const result = writtenToken.safeParse(value);
  if (result.success) return result.data;
  const name = nameOf(value);
  const entry = name === undefined ? `entry ${index + 1}` : `entry ${index + 1} ("${name}")`;
  const [issue] = result.error.issues;
  const path = issue?.path.length ? `${issue.path.join(".")}: ` : "";
  throw invalid(source, `${entry}: ${path}${lowerFirst(issue?.message ?? "it can't be read")}`);
}

/** The name of an entry that can't be read, when it has one that is fit to be shown. */
function nameOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("name" in value)) return undefined;
  return typeof value.name === "string" && TOKEN_NAME.test(value.name) ? value.name : undefined;
}

function toEntry({ name, hash, scopes, expires, rate }: WrittenToken): TokenEntry {
  const digest = readHash(hash);
  if (digest === undefined)
    throw new HeadraceError("internal_error", "a hash that was checked can't be read");
  return {
    name,
    digest,
    scopes: new Set(scopes),
    expires: Date.parse(expires),
    rate: rate && {
      requestsPerSecond: rate.requests_per_second,
      burst: rate.burst ?? Math.ceil(rate.requests_per_second),
    },
  };
}

function invalid(source: string, problem: string): HeadraceError {
  return new HeadraceError(
    "config_invalid",
    `${source}: ${problem.replaceAll(new RegExp(TOKEN_ITSELF, "g"), "hr_…")}`,
  );
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
