import { randomUUID } from "node:crypto";
import { HeadraceError } from "../errors.ts";
import { ERASE_REQUESTS_MAX } from "./limits.ts";
import type { ErasedCounts, WhatToErase } from "./load.ts";

/** A request to erase that isn't in the ledger yet. */
export interface EraseRequest {
  /** The erasure's id in the ledger. */
  readonly id: string;
  readonly what: WhatToErase;
  /** It is in the ledger: from now on it will be done, whatever happens. */
  recorded(): void;
  failed(error: HeadraceError): void;
}

/** What others ask the loader of a partition to erase, until it is between two plans. */
export class EraseRequests {
  readonly #waiting = new Map<EraseRequest, Asked>();
  /** Those in the ledger, by id. */
  readonly #recorded = new Map<string, Asked>();
  #bell = new AbortController();
  #ended = false;

  get areWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Aborts when something is asked for: to end a wait for events. */
  get asked(): AbortSignal {
    return this.#bell.signal;
  }

  /** See `Loader.erase`. */
  async ask(
    what: WhatToErase,
    timeout: number,
    id: string = randomUUID(),
  ): Promise<ErasedCounts | undefined> {
    if (this.#ended) throw stopped();
    if (this.#waiting.size >= ERASE_REQUESTS_MAX) {
      throw new HeadraceError("overloaded", "Too many requests to erase wait", { retryAfterSeconds: 1 });
    }
    const asked: Asked = { ...Promise.withResolvers<ErasedCounts | undefined>(), timer: undefined };
    const request: EraseRequest = {
      id,
      what,
      recorded: () => {
        this.#waiting.delete(request);
        this.#recorded.set(id, asked);
      },
      failed: (error) => {
        this.#waiting.delete(request);
        this.#settle(asked, () => asked.reject(error));
      },
    };
    asked.timer = setTimeout(() => this.#giveUp(request, asked), timeout);
    this.#waiting.set(request, asked);
    this.#bell.abort();
    return asked.promise;
  }

  /** What waits, oldest first. */
  take(): EraseRequest[] {
    this.#bell = new AbortController();
    return [...this.#waiting.keys()];
  }

  /** Those that wait and that can't be taken now. */
  refuse(which: (request: EraseRequest) => boolean, error: HeadraceError): void {
    for (const request of [...this.#waiting.keys()].filter(which)) request.failed(error);
    this.#quiet();
  }

  /** Tells whoever asked for it. */
  done(id: string, outcome: ErasedCounts | HeadraceError): void {
    const asked = this.#recorded.get(id);
    this.#recorded.delete(id);
    if (asked === undefined) return;
    this.#settle(asked, () =>
      outcome instanceof HeadraceError ? asked.reject(outcome) : asked.resolve(outcome),
    );
  }

  /** The loader stops: what is in the ledger is done at the next start. */
  end(): void {
    this.#ended = true;
    for (const request of this.#waiting.keys()) request.failed(stopped());
    for (const asked of this.#recorded.values()) this.#settle(asked, () => asked.resolve(undefined));
    this.#recorded.clear();
  }

  #giveUp(request: EraseRequest, asked: Asked): void {
    if (this.#waiting.delete(request)) {
      this.#quiet();
      const message = "The loader has not come to it in time: nothing is erased";
      asked.reject(new HeadraceError("overloaded", message, { retryAfterSeconds: 1 }));
    } else asked.resolve(undefined);
  }

  /** A bell that rings for nobody would never let the loader wait again. */
  #quiet(): void {
    if (!this.areWaiting) this.#bell = new AbortController();
  }

  #settle(asked: Asked, settle: () => void): void {
    clearTimeout(asked.timer);
    settle();
  }
}

interface Asked {
  readonly promise: Promise<ErasedCounts | undefined>;
  readonly resolve: (counts: ErasedCounts | undefined) => void;
  readonly reject: (error: HeadraceError) => void;
  timer: NodeJS.Timeout | undefined;
}

function stopped(): HeadraceError {
  return new HeadraceError("draining", "The server is stopping: nothing is erased");
}
