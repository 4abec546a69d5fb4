import { HeadraceClientError, type CallOptions, type SendResult } from "./api.ts";
import type { Room } from "./room.ts";
import { Sending, shareOut, type BatchAnswer, type Part } from "./sending.ts";

export interface SenderOptions {
  readonly batchEvents: number;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly inFlight: number;
  readonly onFull: "wait" | "reject";
  /** Sends a batch; tries again as often as is worth it. */
  readonly post: (parts: readonly Part[]) => Promise<BatchAnswer>;
}

interface Batch {
  parts: Part[];
  events: number;
  bytes: number;
  /** It has waited long enough for more. */
  due: boolean;
  readonly timer: ReturnType<typeof setTimeout>;
}

type Events = Iterable<unknown> | AsyncIterable<unknown>;

/** What an event takes in memory besides its text, in bytes. */
const EVENT_OVERHEAD = 64;

/** The queue of one stream: gathers the events of all sends into batches and posts them in order. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #room: Room;
  readonly #sendings = new Set<Sending>();
  #batches: Batch[] = [];
  #posting = 0;
  #flushing = 0;
  #closed = false;

  constructor(options: SenderOptions, room: Room) {
    this.#options = options;
    this.#room = room;
  }

  async send(events: unknown, { signal }: CallOptions = {}): Promise<SendResult<unknown>> {
    signal?.throwIfAborted();
    if (this.#closed) throw new HeadraceClientError("client_closed", "the client is closed");
    const sending = new Sending();
    const abort = () => this.#giveUp(sending, signal?.reason);
    signal?.addEventListener("abort", abort);
    this.#sendings.add(sending);
    try {
      this.#read(sending, asIterable(events)).then(
        () => sending.finish(),
        (error: unknown) => this.#giveUp(sending, error),
      );
      return await sending.promise;
    } finally {
      this.#sendings.delete(sending);
      signal?.removeEventListener("abort", abort);
    }
  }

  async flush(): Promise<void> {
    this.#flushing++;
    this.#pump();
    await Promise.allSettled(Array.from(this.#sendings, (sending) => sending.promise));
    this.#flushing--;
  }

  close(): void {
    this.#closed = true;
  }

  /** Gives up every send. */
  abort(reason: unknown): void {
    for (const sending of this.#sendings) this.#giveUp(sending, reason);
  }

  /** Queues the events, each as soon as there is room for it. Runs without a pause while there is. */
  async #read(sending: Sending, events: Events): Promise<void> {
    if (this.#options.onFull === "reject" && Array.isArray(events)) return this.#readWhole(sending, events);
    if (Symbol.iterator in events) {
      for (const event of events) {
        const line = toLine(event);
        const bytes = byteLength(line);
        if (!this.#room.tryTake(bytes + EVENT_OVERHEAD)) await this.#waitForRoom(bytes + EVENT_OVERHEAD);
        if (!this.#enqueue(sending, line, bytes)) return;
      }
      return;
    }
    for await (const event of events) {
      const line = toLine(event);
      const bytes = byteLength(line);
      if (!this.#room.tryTake(bytes + EVENT_OVERHEAD)) await this.#waitForRoom(bytes + EVENT_OVERHEAD);
      if (!this.#enqueue(sending, line, bytes)) return;
    }
  }

  /** All of them or none. */
  #readWhole(sending: Sending, events: readonly unknown[]): void {
    const lines = events.map(toLine);
    const sizes = lines.map(byteLength);
    const bytes = sizes.reduce((sum, size) => sum + size + EVENT_OVERHEAD, 0);
    if (!this.#room.tryTake(bytes)) throw queueFull();
    lines.forEach((line, index) => this.#enqueue(sending, line, sizes[index] ?? 0));
  }

  async #waitForRoom(bytes: number): Promise<void> {
    if (this.#options.onFull === "reject") throw queueFull();
    await this.#room.take(bytes);
  }

  /** False when the send has ended meanwhile. */
  #enqueue(sending: Sending, line: string, bytes: number): boolean {
    if (sending.ended) {
      this.#room.give(bytes + EVENT_OVERHEAD);
      return false;
    }
    let batch = this.#batches.at(-1);
    if (batch === undefined || this.#isFull(batch) || batch.bytes + bytes > this.#options.batchBytes) {
      batch = this.#beginBatch();
    }
    const first = sending.next();
    let part = batch.parts.at(-1);
    if (part?.sending !== sending) {
      part = { sending, first, lines: [], bytes: 0 };
      batch.parts.push(part);
    }
    part.lines.push(line);
    part.bytes += bytes;
    batch.bytes += bytes;
    batch.events++;
    this.#pump();
    return true;
  }

  #beginBatch(): Batch {
    const timer = setTimeout(() => {
      batch.due = true;
      this.#pump();
    }, this.#options.lingerMs);
    const batch: Batch = { parts: [], events: 0, bytes: 0, due: false, timer };
    this.#batches.push(batch);
    return batch;
  }

  #isFull({ events, bytes }: Batch): boolean {
    return events >= this.#options.batchEvents || bytes >= this.#options.batchBytes;
  }

  /** Posts what is due, as far as requests may be under way. */
  #pump(): void {
    while (this.#posting < this.#options.inFlight) {
      const [batch, next] = this.#batches;
      if (batch === undefined) return;
      if (!batch.due && this.#flushing === 0 && next === undefined && !this.#isFull(batch)) return;
      this.#batches.shift();
      clearTimeout(batch.timer);
      void this.#post(batch);
    }
  }

  async #post({ parts }: Batch): Promise<void> {
    this.#posting++;
    try {
      shareOut(parts, await this.#options.post(parts));
    } catch (error) {
      for (const { sending } of parts) this.#giveUp(sending, error);
    } finally {
      this.#posting--;
      for (const part of parts) this.#room.give(roomOf(part));
      this.#pump();
    }
  }

  /** Ends a send, and takes back what isn't under way. */
  #giveUp(sending: Sending, reason: unknown): void {
    if (sending.ended) return;
    sending.fail(reason);
    for (const batch of this.#batches) {
      for (const part of batch.parts.filter((one) => one.sending === sending)) {
        batch.events -= part.lines.length;
        batch.bytes -= part.bytes;
        this.#room.give(roomOf(part));
      }
      batch.parts = batch.parts.filter((one) => one.sending !== sending);
      if (batch.parts.length === 0) clearTimeout(batch.timer);
    }
    this.#batches = this.#batches.filter(({ parts }) => parts.length > 0);
  }
}

function roomOf({ bytes, lines }: Part): number {
  return bytes + lines.length * EVENT_OVERHEAD;
}

/** Arrays and other iterables as they are; anything else is one event. */
function asIterable(events: unknown): Events {
  const several =
    typeof events === "object" &&
    events !== null &&
    (Symbol.iterator in events || Symbol.asyncIterator in events);
  return several ? (events as Events) : [events];
}

function toLine(event: unknown): string {
  try {
    const line = JSON.stringify(event) as string | undefined;
    if (line !== undefined) return line;
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    throw new HeadraceClientError("not_json", `an event can't be written as JSON${why}`, { cause });
  }
  throw new HeadraceClientError("not_json", `a ${typeof event} is no event`);
}

const encoder = new TextEncoder();

function byteLength(line: string): number {
  return encoder.encode(line).length;
}

function queueFull(): HeadraceClientError {
  return new HeadraceClientError("queue_full", "more events wait than maxQueuedBytes allows", {
    retryable: true,
  });
}
