import { randomUUID } from "node:crypto";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import { MIB } from "../../units.ts";
import { QUEUE_RETRY_AFTER_SECONDS } from "../limits.ts";
import type { Appended, KeyedAnswer, NewBatch, Position } from "../log.ts";
import { prepareBatch, type PreparedBatch } from "../record/prepared-batch.ts";
import { endedWith } from "./chain.ts";
import { encodeGroup } from "./group.ts";
import {
  CLOSE_PATIENCE,
  CONNECTION_PATIENCE,
  CONNECTION_POLL,
  HEADER_BYTES_MAX,
  RUN_PATIENCE,
} from "./limits.ts";
import type { MessageHead } from "./message.ts";
import { publish, type PublisherTarget } from "./publisher.ts";
import { unreachable } from "./server.ts";
import type { PartitionView } from "./view.ts";

export interface AppenderTarget {
  /** Names the stream in messages. */
  readonly stream: string;
  readonly partition: number;
  /** The schema of what is appended. */
  readonly schema: string;
  readonly queueBytes: number;
  readonly nats: Nats;
  readonly subject: string;
  readonly view: PartitionView;
  catchUp(): Promise<number>;
  recheck(): Promise<void>;
  /** Whether the stream holds the key already. */
  isHeld(key: string): boolean;
  /** What stands under the keys that are held. */
  recallAll(keys: readonly string[]): Promise<Map<string, KeyedAnswer>>;
  /** A group is stored: how many batches and bytes, and how long that took in milliseconds. */
  stored(group: { batches: number; bytes: number; took: number }): void;
  /** Resolves when nobody is finding out whether the servers lost messages. */
  rechecked(): Promise<void>;
  /** Another process wrote first. */
  contended(): void;
}

interface Waiting extends PreparedBatch {
  readonly keys: readonly string[];
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit for a partition: the batches that wait go in one message, the next group gathers meanwhile. Which offsets
 * and whether its keys are new is decided for each attempt anew, since another process may have come first.
 */
export class Appender {
  readonly #target: AppenderTarget;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #running: Promise<void> | undefined;
  #answering = new Set<Promise<void>>();
  #trouble: string | undefined;
  #over = false;
  /** The log id that the next message begins. */
  #next: { readonly log: string; readonly isNeeded: () => boolean } | undefined;

  constructor(target: AppenderTarget) {
    this.#target = target;
  }

  /** Why nothing can be appended just now, if so. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  append(batch: NewBatch): Promise<Appended> {
    if (this.#trouble !== undefined) throw unreachable(this.#trouble);
    const prepared = prepareBatch(batch);
    if (this.#queueBytes > 0 && this.#queueBytes + prepared.bytes > this.#target.queueBytes) {
      throw new HeadraceError(
        "overloaded",
        `${this.#queueBytes} bytes of the stream ${this.#target.stream} wait for the log's servers already`,
        { retryAfterSeconds: QUEUE_RETRY_AFTER_SECONDS },
      );
    }
    const { key, eventKeys = [] } = batch;
    const keys = [...(key === undefined ? [] : [key.key]), ...eventKeys.map((each) => each.key)];
    return new Promise((resolve, reject) => {
      this.#queueBytes += prepared.bytes;
      this.#queue.push({ ...prepared, keys, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /**
   * Begins a new log id behind what is there, before anything else is written: the server lost what stood there before. `isNeeded`
   * is asked right before, since what seemed lost may have turned up.
   */
  beginLog(log: string, isNeeded: () => boolean): void {
    this.#next = { log, isNeeded };
    this.#running ??= this.#run();
  }

  /** Resolves when everything is answered. */
  async idle(): Promise<void> {
    while (this.#running !== undefined || this.#answering.size > 0) {
      await this.#running;
      await Promise.all(this.#answering);
    }
  }

  /** Like `idle`, but what the servers don't answer for in time is left open. */
  async close(): Promise<void> {
    const timer = setTimeout(() => (this.#over = true), CLOSE_PATIENCE);
    await this.idle();
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    for (;;) {
      // Whoever was just answered, or has just arrived on a socket, joins the group.
      await setImmediate();
      if (this.#queue.length === 0 && this.#next === undefined) break;
      let group: Waiting[] = [];
      try {
        await this.#connected();
        await this.#writeNextLog();
        await this.#ready();
        // From here to the sending nothing may come between: the keys were looked for in what stands before the tip.
        group = this.#take();
        if (group.length > 0) await this.#commit(group);
      } catch (error) {
        this.#next = undefined;
        // Those that weren't sent fail at once: who sends them again finds out whether the servers answer.
        const failed = group.length > 0 ? group : this.#queue.splice(0);
        for (const waiting of failed)
          this.#settle(waiting, () => waiting.reject(toHeadraceError(error, "log_failed")));
      }
    }
    this.#running = undefined;
  }

  /** Waits a while for a lost connection, so that a restarted server fails no request. */
  async #connected(): Promise<void> {
    const deadline = performance.now() + CONNECTION_PATIENCE;
    while (!this.#target.nats.connected()) {
      if (performance.now() > deadline || this.#over) throw unreachable("no server is connected");
      await sleep(CONNECTION_POLL);
    }
  }

  /** Takes what goes in one message from the queue. Batches whose keys are held are answered, and not taken. */
  #take(): Waiting[] {
    const bytesMax = messageBytesMax(this.#target.nats);
    const group: Waiting[] = [];
    const left: Waiting[] = [];
    const claimed = new Set<string>();
    let bytes = 0;
    for (const [index, waiting] of this.#queue.entries()) {
      if (waiting.keys.some((key) => this.#target.isHeld(key))) {
        this.#answerHeld(waiting);
      } else if (waiting.keys.some((key) => claimed.has(key))) {
        // What becomes of the other one isn't known yet.
        left.push(waiting);
      } else if (group.length > 0 && bytes + waiting.bytes > bytesMax) {
        left.push(...this.#queue.slice(index));
        break;
      } else {
        group.push(waiting);
        bytes += waiting.bytes;
        for (const key of waiting.keys) claimed.add(key);
      }
    }
    this.#queue = left;
    return group;
  }

  #answerHeld(waiting: Waiting): void {
    const answering = this.#recall(waiting).finally(() => this.#answering.delete(answering));
    this.#answering.add(answering);
  }

  async #recall(waiting: Waiting): Promise<void> {
    try {
      const seen = await this.#target.recallAll(waiting.keys);
      const [oldest] = seen.values();
      if (oldest === undefined) {
        // Retention dropped it just now, so that it is new again.
        this.#queue.push(waiting);
        this.#running ??= this.#run();
        return;
      }
      const { key } = waiting.batch;
      const first = key === undefined ? undefined : seen.get(key.key);
      this.#settle(waiting, () =>
        waiting.resolve(
          first === undefined ? { kind: "duplicate", first: oldest, seen } : { kind: "duplicate", first },
        ),
      );
    } catch (error) {
      this.#settle(waiting, () => waiting.reject(error));
    }
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const { view, partition } = this.#target;
    const began = performance.now();
    const { end } = view.chain;
    const encoded = encodeGroup(group, end);
    const shared = { ...this.#headAt(end), count: encoded.count, accepted: encoded.accepted };
    const size = messageBytesMax(this.#target.nats);
    const parts = Math.max(1, Math.ceil(encoded.bytes.length / size));
    for (let part = 0; part < parts; part += 1) {
      const run = parts === 1 ? {} : { run: { id: encoded.id, part, parts } };
      const head: MessageHead = {
        ...shared,
        ...run,
        id: `${encoded.id}.${part}`,
        prev: view.chain.tip,
        after: view.chain.tipId,
      };
      const data = encoded.bytes.subarray(part * size, (part + 1) * size);
      const keys = part === parts - 1 ? encoded.keys : [];
      if ((await publish(this.#publisher(), { head, keys, data })) === "lost") {
        this.#target.contended();
        this.#queue.unshift(...group);
        return;
      }
    }
    const took = performance.now() - began;
    this.#target.stored({ batches: group.length, bytes: encoded.bytes.length, took });
    let offset = end;
    for (const waiting of group) {
      const position: Position = { log: shared.log, offset };
      this.#settle(waiting, () => waiting.resolve({ kind: "appended", position, partition }));
      offset += waiting.batch.events.count + waiting.batch.rejected.count;
    }
  }

  /**
   * Resolves when all keys before the tip are known, and no other process is amid a large batch, which a message of ours would
   * make it begin again.
   */
  async #ready(): Promise<void> {
    const { view } = this.#target;
    for (;;) {
      const { generation } = view;
      await this.#target.rechecked();
      if (view.generation !== generation) continue;
      const { run, last } = view.chain;
      const isAmid = run !== undefined && performance.now() - run.since <= RUN_PATIENCE;
      if (!isAmid && view.keysKnown) return;
      if (!view.keysKnown) await view.readKeys();
      else if (!(await view.looksBeyond(last))) await this.#target.catchUp();
    }
  }

  async #writeNextLog(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    if (next?.isNeeded() !== true) return;
    const { view } = this.#target;
    const { chain } = view;
    const ended = endedWith(chain.ended, { log: chain.log, end: chain.end });
    const from = { ...this.#headAt(chain.end), log: next.log, ended, count: 0, accepted: view.newest };
    const head = { ...from, id: randomUUID(), prev: chain.tip, after: chain.tipId };
    const fate = await publish(this.#publisher(), { head, keys: [], data: Buffer.alloc(0) });
    // Another process was quicker, perhaps with the same.
    if (fate === "lost") this.#next ??= next;
  }

  #headAt(offset: number): Pick<MessageHead, "log" | "offset" | "schema" | "ended"> {
    const { log, ended } = this.#target.view.chain;
    return { log, offset, schema: this.#target.schema, ...(ended.length === 0 ? {} : { ended }) };
  }

  #publisher(): PublisherTarget {
    const { nats, subject, view } = this.#target;
    return {
      nats,
      subject,
      view,
      catchUp: () => this.#target.catchUp(),
      recheck: () => this.#target.recheck(),
      isOver: () => this.#over,
      troubled: (reason) => {
        this.#trouble = reason;
        if (reason === undefined) return;
        for (const waiting of this.#queue.splice(0))
          this.#settle(waiting, () => waiting.reject(unreachable(reason)));
      },
    };
  }

  #settle(waiting: Waiting, how: () => void): void {
    this.#queueBytes -= waiting.bytes;
    how();
  }
}

/** Bytes of events in one message. */
function messageBytesMax(nats: Nats): number {
  return (nats.connection.info?.max_payload ?? MIB) - HEADER_BYTES_MAX;
}
