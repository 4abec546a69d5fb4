import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError } from "../../errors.ts";
import { Feed, type FedMessage, type FeedOptions } from "./feed.ts";
import { PULL_BYTES_MAX, PULL_EXPIRES, PULL_MESSAGES_MAX, READ_PATIENCE, READ_PAUSE } from "./limits.ts";
import { decodeHead, decodeKeys, type MessageHead, type MessageKeys } from "./message.ts";
import { partitionOf } from "./names.ts";
import { unreachable } from "./server.ts";

/** Called for each message, in the order of each partition. */
export type Seen = (
  partition: number,
  sequence: number,
  head: MessageHead | undefined,
  keys: MessageKeys,
) => void;

/** Reads the headers of all messages of a stream as they come, those of this process too. */
export class Follower {
  readonly #feed: Feed;
  readonly #seen: Seen;
  readonly #over = new AbortController();

  constructor(options: Omit<FeedOptions, "headersOnly">, seen: Seen) {
    this.#feed = new Feed({ ...options, headersOnly: true });
    this.#seen = seen;
  }

  /** Reads what is there until enough was seen, and then goes on by itself. */
  async begin(isEnough: () => boolean): Promise<void> {
    let deadline = performance.now() + READ_PATIENCE;
    while (!isEnough()) {
      const count = await this.#pull(0).catch((error: unknown) => {
        if (error instanceof HeadraceError) throw error;
        if (performance.now() > deadline) throw unreachable(error);
        return 0;
      });
      if (count > 0) deadline = performance.now() + READ_PATIENCE;
      else if (performance.now() > deadline) throw unreachable("a server lags behind");
      else await sleep(READ_PAUSE / 10);
    }
    void this.#run();
  }

  close(): void {
    this.#over.abort();
    this.#feed.close();
  }

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        await this.#pull(PULL_EXPIRES);
      } catch {
        // Another server may have what this one doesn't give. Appends don't wait for it: they ask for themselves.
        await sleep(READ_PAUSE, undefined, { signal: this.#over.signal }).catch(() => {});
      }
    }
  }

  #pull(wait: number): Promise<number> {
    const pull = { messages: PULL_MESSAGES_MAX, bytes: PULL_BYTES_MAX, wait };
    return this.#feed.pull(pull, (message) => this.#look(message), this.#over.signal);
  }

  #look({ subject, sequence, headers }: FedMessage): void {
    this.#seen(partitionOf(subject), sequence, decodeHead(headers), decodeKeys(headers));
  }
}
