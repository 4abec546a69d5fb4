import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { StreamSchema } from "../../project/column.ts";
import type { LogBatch, ReadLimit } from "../log.ts";
import type { Chain } from "./chain.ts";
import { Feed, type FedMessage, type FeedOptions } from "./feed.ts";
import { batchesOf } from "./group.ts";
import { PULL_BYTES_MAX, PULL_MESSAGES_MAX, READ_PATIENCE, READ_PAUSE } from "./limits.ts";
import { decodeHead } from "./message.ts";
import { unreachable } from "./server.ts";

export interface ReaderOptions extends Omit<FeedOptions, "from" | "headersOnly"> {
  readonly partition: number;
  /** Begins before the first offset that is read. */
  readonly chain: Chain;
  schema(fingerprint: string): Promise<StreamSchema>;
}

/** Reads a partition on and on from some place. What a page has no room for is kept for the next. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #feed: Feed;
  #batches: LogBatch[] = [];
  #parts: Buffer[] = [];
  /** The offset that the next page is expected to begin at. */
  #next = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#feed = new Feed({ ...options, from: options.chain.last + 1, headersOnly: false });
  }

  get next(): number {
    return this.#next;
  }

  /** Batches from the one that holds an offset on, of those before `end`: one at least, since `from` is before it. */
  async page(from: number, end: number, limit: ReadLimit): Promise<LogBatch[]> {
    const page: LogBatch[] = [];
    const room = { bytes: limit.bytes, events: limit.events };
    const deadline = performance.now() + READ_PATIENCE;
    this.#next = from;
    for (;;) {
      const isFull = this.#move(page, room, end);
      if (isFull || this.#next >= end) return page;
      const pulled = await this.#pull(Math.max(room.bytes, 1)).catch((error: unknown) => {
        if (error instanceof HeadraceError) throw error;
        if (performance.now() > deadline) throw unreachable(error);
        return 0;
      });
      if (pulled > 0) continue;
      if (page.length > 0) return page;
      if (performance.now() > deadline) throw unreachable("a server lags behind");
      await sleep(READ_PAUSE / 10);
    }
  }

  /** Moves what was pulled to the page; says whether it is full. */
  #move(page: LogBatch[], room: { bytes: number; events: number }, end: number): boolean {
    let taken = 0;
    let isFull = false;
    for (const batch of this.#batches) {
      const after = batch.offset + batch.events.count + batch.rejected.count;
      if (after <= this.#next) {
        taken += 1;
        continue;
      }
      if (page.length === 0 && batch.offset > this.#next) {
        throw new HeadraceError("offset_gone", `offset ${this.#next} is no longer in the log`);
      }
      const bytes = batch.events.bytes.length + batch.rejected.bytes.length;
      const over = bytes > room.bytes || batch.events.count > room.events;
      if (batch.offset >= end || (page.length > 0 && over)) {
        isFull = true;
        break;
      }
      page.push(batch);
      room.bytes -= bytes;
      room.events -= batch.events.count;
      this.#next = after;
      taken += 1;
    }
    this.#batches.splice(0, taken);
    return isFull;
  }

  async #pull(bytes: number): Promise<number> {
    const messages: FedMessage[] = [];
    const pull = { messages: PULL_MESSAGES_MAX, bytes: Math.min(bytes, PULL_BYTES_MAX), wait: 0 };
    try {
      return await this.#feed.pull(pull, (message) => messages.push(message));
    } finally {
      // Also what came before an error counts: the feed goes on behind it.
      for (const message of messages) await this.#add(message);
    }
  }

  async #add({ sequence, headers, data }: FedMessage): Promise<void> {
    const head = decodeHead(headers);
    const applied = this.#options.chain.apply(sequence, head);
    if (head === undefined || (applied.kind !== "part" && applied.kind !== "group")) return;
    if (head.run === undefined || head.run.part === 0) this.#parts = [];
    this.#parts.push(data);
    if (applied.kind === "part") return;
    const bytes = this.#parts.length === 1 ? data : Buffer.concat(this.#parts);
    this.#parts = [];
    if (bytes.length === 0) return;
    const schema = await this.#options.schema(head.schema);
    try {
      this.#batches.push(...batchesOf(bytes, { log: head.log, partition: this.#options.partition, schema }));
    } catch (error) {
      throw toHeadraceError(error, "log_corrupt");
    }
  }

  close(): void {
    this.#feed.close();
  }
}
