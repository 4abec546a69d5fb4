import { HeadraceError } from "../errors.ts";
import { IN_FLIGHT_RETRY_AFTER, INGEST_LIMIT_SETTINGS } from "./limits.ts";

/** The memory that bodies take at once, bounded. Counts what has arrived, not what was announced. */
export class InFlightBytes {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws HeadraceError `overloaded` when a body that is announced with so many bytes has no room now. */
  admit(announced: number): void {
    if (this.#used + announced > this.#max && this.#used > 0) throw overloaded();
  }

  /** A share for one request, empty at first. */
  share(): MemoryShare {
    return new Share(this.#max, (bytes) => (this.#used += bytes));
  }
}

/** One request's share of the memory for bodies. */
export interface MemoryShare {
  /**
   * Takes more.
   * @throws HeadraceError `overloaded` when there is no room now, `body_too_large` when there could never be.
   */
  take(bytes: number): void;
  /** Gives everything back. */
  release(): void;
}

class Share implements MemoryShare {
  readonly #max: number;
  readonly #add: (bytes: number) => number;
  #held = 0;

  constructor(max: number, add: (bytes: number) => number) {
    this.#max = max;
    this.#add = add;
  }

  take(bytes: number): void {
    this.#held += bytes;
    if (this.#add(bytes) <= this.#max) return;
    throw this.#held > this.#max ? neverFits(this.#max) : overloaded();
  }

  release(): void {
    this.#add(-this.#held);
    this.#held = 0;
  }
}

function overloaded(): HeadraceError {
  return new HeadraceError(
    "overloaded",
    "The bodies in flight take all the memory that is set aside for them",
    {
      retryAfterSeconds: IN_FLIGHT_RETRY_AFTER,
      details: { limit: INGEST_LIMIT_SETTINGS.inFlightBytesMax },
    },
  );
}

function neverFits(max: number): HeadraceError {
  const setting = INGEST_LIMIT_SETTINGS.inFlightBytesMax;
  return new HeadraceError(
    "body_too_large",
    `The body, with what is made of it, takes more than ${max} bytes (${setting})`,
    { details: { limit: setting, max } },
  );
}
