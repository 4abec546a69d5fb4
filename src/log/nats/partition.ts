import { randomUUID } from "node:crypto";
import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import { checkSubscription } from "../check-subscription.ts";
import type { LogBatch, PartitionStatus, Position, ReadLimit } from "../log.ts";
import type { Retention } from "../log-options.ts";
import type { RememberedKeys } from "../remembered-keys.ts";
import { anchorAt, boundsOf, locate, type Bounds } from "./anchor.ts";
import { Appender, type AppenderTarget } from "./appender.ts";
import type { Chain } from "./chain.ts";
import { READERS_MAX } from "./limits.ts";
import { decodeHead, decodeKeys } from "./message.ts";
import { readKeys } from "./recall.ts";
import { Reader } from "./reader.ts";
import type { Remembered } from "./remembered.ts";
import { purgeOld } from "./retention.ts";
import type { StreamServer } from "./server.ts";
import { PartitionView, type KeyPlace } from "./view.ts";

export interface PartitionOptions {
  readonly nats: Nats;
  readonly server: StreamServer;
  readonly remembered: Remembered;
  /** The Headrace stream. */
  readonly stream: string;
  readonly partition: number;
  readonly subject: string;
  readonly keys: RememberedKeys<KeyPlace>;
  readonly appender: Omit<AppenderTarget, "view" | "catchUp" | "recheck">;
  /** The server may have lost messages: resolves when that is found out, and everything is begun anew if so. */
  recheck(): Promise<void>;
}

/** One partition of a stream. The port's methods are documented in log.ts. */
export class Partition {
  readonly view: PartitionView;
  readonly #options: PartitionOptions;
  readonly #appender: Appender;
  readonly #cursors: Map<string, Position>;
  readonly #committing = new Map<string, Promise<void>>();
  #readers: Reader[] = [];
  #size = { bytes: 0, messages: 0 };
  #committed = false;
  #lostLog: string | undefined;
  #closed = false;

  constructor(
    options: PartitionOptions,
    begin: { chain: Chain; first: number; cursors: ReadonlyMap<string, Position> },
  ) {
    this.#options = options;
    this.#cursors = new Map(begin.cursors);
    const { server, subject, partition, keys } = options;
    this.view = new PartitionView(
      {
        partition,
        keys,
        readKeys: (sequence) => readKeys(server, subject, sequence),
        doubted: () => void options.recheck().catch(() => {}),
      },
      begin.chain,
      begin.first,
    );
    this.#appender = new Appender({
      ...options.appender,
      view: this.view,
      catchUp: () => this.catchUp(),
      recheck: () => options.recheck(),
    });
  }

  get appender(): Appender {
    return this.#appender;
  }

  /** Asks the server for the messages after those that were looked at, one by one. Gives how many there were. */
  async catchUp(): Promise<number> {
    const { server, subject } = this.#options;
    for (let count = 0; ; count += 1) {
      const message = await server.next(subject, this.view.chain.last + 1);
      if (message === undefined) return count;
      this.view.apply(message.seq, decodeHead(message.header), decodeKeys(message.header));
    }
  }

  /** Whether the server still has what was seen at the end of the partition. */
  async isAsSeen(): Promise<boolean> {
    const { tip, tipId, last } = this.view.chain;
    // Nothing counted yet: then nothing may have come either.
    if (tip === 0) return last === 0;
    const message = await this.#options.server.at(tip);
    const head = decodeHead(message?.header);
    return head?.id === tipId;
  }

  /** Goes on from what the server has now. */
  resetTo(chain: Chain, first: number): void {
    const { log, tip } = this.view.chain;
    if (tip > 0) this.#lostLog = log;
    this.view.reset(chain, first);
    this.#closeReaders();
  }

  /** Where no other process has done so yet, a new log id is begun after a loss. */
  beginLogIfLost(): void {
    const lost = this.#lostLog;
    this.#lostLog = undefined;
    if (lost === undefined) return;
    this.#appender.beginLog(randomUUID(), () => this.view.chain.log === lost && !this.view.isFound);
  }

  /** A subscription that was further than the log goes shows that the log lost its end. */
  mendEnd(): void {
    const isBeyond = (): boolean => {
      const { log, end } = this.view.chain;
      return [...this.#cursors.values()].some((cursor) => cursor.log === log && cursor.offset > end);
    };
    if (isBeyond()) this.#appender.beginLog(randomUUID(), isBeyond);
  }

  async read(from: Position, limit: ReadLimit): Promise<LogBatch[]> {
    const offset = this.view.resolve(from);
    const { end } = this.view.chain;
    if (offset >= end) return [];
    const at = this.#readers.findIndex(({ next }) => next === offset);
    const reader = at < 0 ? await this.#newReader(offset) : this.#readers.splice(at, 1)[0];
    if (reader === undefined) return [];
    try {
      const page = await reader.page(offset, end, limit);
      this.#keepReader(reader);
      return page;
    } catch (error) {
      reader.close();
      // Retention may have dropped it meanwhile.
      await this.refreshBounds();
      this.view.resolve(from);
      throw toHeadraceError(error, "log_failed");
    }
  }

  #keepReader(reader: Reader): void {
    this.#readers.push(reader);
    if (this.#closed || this.#readers.length > READERS_MAX) this.#readers.shift()?.close();
  }

  async #newReader(offset: number): Promise<Reader> {
    const { nats, server, subject, partition, stream, remembered } = this.#options;
    const bounds = await this.#bounds();
    const sequence = this.view.placeBefore(offset);
    const message = sequence === undefined ? undefined : await server.at(sequence);
    const head = decodeHead(message?.header);
    const near =
      message === undefined || head === undefined
        ? await locate(server, subject, bounds, offset)
        : { sequence: message.seq, head };
    return new Reader({
      nats,
      stream: server.stream,
      subject,
      partition,
      chain: await anchorAt(server, bounds, near.sequence, near.head),
      schema: (fingerprint) => remembered.schema(stream, fingerprint),
    });
  }

  async #bounds(): Promise<Bounds> {
    const { server, subject, stream } = this.#options;
    const bounds = await boundsOf(server, subject);
    if (bounds === undefined) throw new HeadraceError("offset_gone", `the log of ${stream} is empty`);
    return bounds;
  }

  async wait(from: Position, signal: AbortSignal): Promise<void> {
    const offset = this.view.resolve(from);
    if (offset < this.view.chain.end || signal.aborted) return;
    await this.view.waiters.wait(offset, signal);
  }

  async commit(subscription: string, position: Position): Promise<void> {
    const { stream, partition, remembered } = this.#options;
    if (!this.#cursors.has(subscription))
      checkSubscription(subscription, this.#options.stream, this.#cursors.size);
    const offset = this.view.resolve(position);
    if (offset > this.view.chain.end) {
      throw new HeadraceError(
        "internal_error",
        `${subscription} can't be at offset ${offset} of ${stream}: the log ends at ${this.view.chain.end}`,
      );
    }
    const cursor = this.view.at(offset);
    this.#cursors.set(subscription, cursor);
    this.#committed = true;
    // In the order of the calls.
    const before = this.#committing.get(subscription) ?? Promise.resolve();
    const commit = before
      .catch(() => {})
      .then(() => remembered.setCursor(stream, partition, subscription, cursor));
    this.#committing.set(subscription, commit);
    await commit;
  }

  /** Another process may have committed it: the servers are asked. */
  async cursor(subscription: string): Promise<Position> {
    const { stream, partition, remembered } = this.#options;
    const position = await remembered.cursor(stream, partition, subscription);
    if (position === undefined) return this.view.at(this.view.first);
    this.#cursors.set(subscription, position);
    return this.view.at(this.view.resolve(position));
  }

  status(): Omit<PartitionStatus, "keys" | "keyWindow"> {
    const { nats } = this.#options;
    const reason = this.#appender.trouble ?? (nats.connected() ? undefined : "no NATS server is connected");
    return {
      first: this.view.at(this.view.first),
      end: this.view.at(this.view.chain.end),
      bytes: this.#size.bytes,
      segments: this.#size.messages,
      writable: reason === undefined,
      ...(reason === undefined ? {} : { reason: `the log's servers don't answer: ${reason}` }),
    };
  }

  /** What the server says that the partition takes. */
  setSize(size: { bytes: number; messages: number }): void {
    this.#size = size;
  }

  async refreshBounds(): Promise<void> {
    const bounds = await boundsOf(this.#options.server, this.#options.subject);
    if (bounds !== undefined) this.view.begins(bounds.first.head.offset);
  }

  /** Drops what retention lets go, when this process is one that commits cursors. */
  async tidy(retention: Retention, now: number): Promise<{ messages: number; bytes: number }> {
    const nothing = { messages: 0, bytes: 0 };
    if (!this.#committed) return nothing;
    const { stream, partition, remembered, server, subject } = this.#options;
    const cursors = await remembered.cursors(stream, partition);
    const target = { server, subject, view: this.view, size: this.#size, cursors };
    const purged = await purgeOld(target, retention, now);
    if (purged === 0) return nothing;
    await this.refreshBounds();
    return { messages: purged, bytes: (this.#size.bytes * purged) / Math.max(1, this.#size.messages) };
  }

  async close(closed: HeadraceError): Promise<void> {
    this.#closed = true;
    this.view.close(closed);
    await this.#appender.close();
    await Promise.allSettled(this.#committing.values());
    this.#closeReaders();
  }

  #closeReaders(): void {
    for (const reader of this.#readers.splice(0)) reader.close();
  }
}
