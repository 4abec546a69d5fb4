import type { JsMsg } from "@nats-io/jetstream";
import type { Nats } from "../../nats/open-nats.ts";
import { followStream, type Followed } from "./follow-stream.ts";
import { publishAfter } from "./publish-after.ts";

/** A value that stands under a subject. */
export interface Standing {
  /** Changes with each value. */
  readonly sequence: number;
  /** What was set, as it was read from JSON; undefined when that can't be read. */
  readonly value: unknown;
  /** When it was seen here, on this process's steady clock, in milliseconds. */
  readonly seenAt: number;
}

export interface LatestOptions {
  readonly stream: string;
  /** See `Following.mark`. */
  readonly mark: string;
  /** With a wildcard at its end. */
  readonly subjects: string;
  /** A value has changed, from this one if there was one. */
  changed(subject: string, before: Standing | undefined): void;
}

/** The latest JSON value of each subject of a JetStream stream, followed; and changed only by who knows the latest. */
export class LatestValues {
  readonly #nats: Nats;
  readonly #options: LatestOptions;
  readonly #followed: Followed;
  readonly #values = new Map<string, Standing>();

  constructor(nats: Nats, options: LatestOptions) {
    this.#nats = nats;
    this.#options = options;
    this.#followed = followStream(nats, {
      stream: options.stream,
      mark: options.mark,
      latestOf: options.subjects,
      message: (message) => this.#add(message),
      anew: () => this.#values.clear(),
    });
  }

  /** Resolves when every value has been seen. */
  get current(): Promise<void> {
    return this.#followed.current;
  }

  get(subject: string): Standing | undefined {
    return this.#values.get(subject);
  }

  entries(): readonly (readonly [string, Standing])[] {
    return [...this.#values];
  }

  /**
   * Sets a value when the one with this sequence (0: none) stands there still, and gives the new sequence; undefined when another does.
   * Rejects with `log_unreachable` when that isn't known after so many milliseconds.
   */
  set(subject: string, value: unknown, after: number, patience: number): Promise<number | undefined> {
    const data = Buffer.from(JSON.stringify(value));
    return publishAfter(this.#nats, { stream: this.#options.stream, subject, data, after, patience });
  }

  /** Sets a value that nobody else sets. */
  async put(subject: string, value: unknown, timeout: number): Promise<void> {
    await this.#nats.jetstream.publish(subject, JSON.stringify(value), { timeout });
  }

  /** Forgets a value that nobody needs any more. */
  async remove(subject: string): Promise<void> {
    const standing = this.#values.get(subject);
    if (standing === undefined) return;
    this.#values.delete(subject);
    // If it stays, somebody else removes it. Not by a purge: servers of some versions skip other messages then.
    await this.#nats.manager.streams
      .deleteMessage(this.#options.stream, standing.sequence, false)
      .catch(() => {});
  }

  close(): Promise<void> {
    return this.#followed.close();
  }

  #add(message: JsMsg): void {
    const { subject, seq: sequence } = message;
    const before = this.#values.get(subject);
    this.#values.set(subject, { sequence, value: parsed(message), seenAt: performance.now() });
    this.#options.changed(subject, before);
  }
}

function parsed(message: JsMsg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
