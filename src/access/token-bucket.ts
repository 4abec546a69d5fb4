import { SECOND } from "../units.ts";
import type { TokenRate } from "./token-entries.ts";

/** What a bucket says to one request. */
export interface Taken {
  readonly allowed: boolean;
  /** Whole requests that may still come at once. */
  readonly remaining: number;
  /** Until the next request may come; 0 when it may now. Milliseconds. */
  readonly wait: number;
}

/** A token bucket: it holds up to `burst` requests and fills at `requestsPerSecond`. */
export class TokenBucket {
  readonly rate: TokenRate;
  #level: number;
  #at: number;

  /** @param now Milliseconds, of a clock that never goes back. */
  constructor(rate: TokenRate, now: number) {
    this.rate = rate;
    this.#level = rate.burst;
    this.#at = now;
  }

  /** Takes one request out, when there is one. */
  take(now: number): Taken {
    const { burst, requestsPerSecond } = this.rate;
    const filled = ((now - this.#at) / SECOND) * requestsPerSecond;
    this.#level = Math.min(burst, this.#level + filled);
    this.#at = now;
    const allowed = this.#level >= 1;
    if (allowed) this.#level -= 1;
    const missing = Math.max(0, 1 - this.#level);
    return {
      allowed,
      remaining: Math.floor(this.#level),
      wait: (missing / requestsPerSecond) * SECOND,
    };
  }
}
