import { timingSafeEqual } from "node:crypto";
import type { Caller } from "./route-scope.ts";
import { holdsScope, type Scope } from "./scopes.ts";
import { TokenBucket, type Taken } from "./token-bucket.ts";
import type { TokenEntry } from "./token-entries.ts";
import { digestToken } from "./token.ts";

/** The tokens that are valid now, by what is kept of them. */
export class Tokens {
  #tokens: readonly Token[];
  #byPrefix: ReadonlyMap<number, readonly Token[]>;

  constructor(entries: readonly TokenEntry[]) {
    this.#tokens = entries.map((entry) => new Token(entry, undefined));
    this.#byPrefix = indexed(this.#tokens);
  }

  get count(): number {
    return this.#tokens.length;
  }

  /**
   * The token that somebody sent; undefined when it is none. Digests are found by their first bytes and then compared in
   * constant time. The time may tell those bytes, but not one of the token: nobody can find a token with a given digest.
   */
  find(sent: string): Token | undefined {
    const digest = digestToken(sent);
    const near = this.#byPrefix.get(prefixOf(digest)) ?? [];
    return near.find((token) => timingSafeEqual(token.entry.digest, digest));
  }

  /**
   * Puts other tokens in place. One that is the same as before goes on as it was; one that was changed or removed has
   * ended, but keeps what is left of its rate, so that a change isn't a new burst.
   */
  replace(entries: readonly TokenEntry[]): void {
    const before = new Map(this.#tokens.map((token) => [token.entry.digest.toString("hex"), token]));
    const kept = new Set<Token>();
    const tokens = entries.map((entry) => {
      const old = before.get(entry.digest.toString("hex"));
      if (old === undefined || !isSame(old.entry, entry)) return new Token(entry, old);
      kept.add(old);
      return old;
    });
    const gone = this.#tokens.filter((token) => !kept.has(token));
    this.#tokens = tokens;
    this.#byPrefix = indexed(tokens);
    for (const token of gone) token.end();
  }

  /** Ends the tokens whose time is over, and those that it isn't over for any more go on: the clock was set. */
  endExpired(now: number): void {
    for (const token of this.#tokens) {
      if (token.isExpired(now)) token.end();
      else token.goOn();
    }
  }
}

/** One token, and what it has used of its rate. */
export class Token implements Caller {
  readonly entry: TokenEntry;
  #end = new AbortController();
  readonly #bucket: TokenBucket | undefined;

  constructor(entry: TokenEntry, before: Token | undefined) {
    this.entry = entry;
    if (entry.rate === undefined) return;
    const old = before === undefined ? undefined : before.#bucket;
    const goesOn = old !== undefined && isSameRate(old.rate, entry.rate);
    this.#bucket = goesOn ? old : new TokenBucket(entry.rate, performance.now());
  }

  get name(): string {
    return this.entry.name;
  }

  get ended(): AbortSignal {
    return this.#end.signal;
  }

  end(): void {
    this.#end.abort();
  }

  /** What was opened with it and has ended stays so. */
  goOn(): void {
    if (this.#end.signal.aborted) this.#end = new AbortController();
  }

  isExpired(now: number): boolean {
    return now >= this.entry.expires;
  }

  holds(scope: Scope): boolean {
    return holdsScope(this.entry.scopes, scope);
  }

  /** Counts a request; undefined when the token has no rate. */
  take(): Taken | undefined {
    return this.#bucket?.take(performance.now());
  }
}

function indexed(tokens: readonly Token[]): ReadonlyMap<number, readonly Token[]> {
  return Map.groupBy(tokens, (token) => prefixOf(token.entry.digest));
}

function prefixOf(digest: Buffer): number {
  return digest.readUInt32BE(0);
}

function isSame(a: TokenEntry, b: TokenEntry): boolean {
  return (
    a.name === b.name &&
    a.expires === b.expires &&
    a.scopes.size === b.scopes.size &&
    [...a.scopes].every((scope) => b.scopes.has(scope)) &&
    isSameRate(a.rate, b.rate)
  );
}

function isSameRate(a: TokenEntry["rate"], b: TokenEntry["rate"]): boolean {
  return a?.requestsPerSecond === b?.requestsPerSecond && a?.burst === b?.burst;
}
