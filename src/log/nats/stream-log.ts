import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import type { LogObserver } from "../log.ts";
import type { LogStream, Retention } from "../log-options.ts";
import type { Appended, KeyedAnswer, NewBatch } from "../log.ts";
import { RememberedKeys } from "../remembered-keys.ts";
import { Follower } from "./follower.ts";
import { CLOSE_PATIENCE, READ_PAUSE } from "./limits.ts";
import { namesOf, type Names } from "./names.ts";
import { Partition } from "./partition.ts";
import { choosePartition } from "./choose-partition.ts";
import { recallAll } from "./recall.ts";
import type { Remembered } from "./remembered.ts";
import { StreamServer } from "./server.ts";
import { checkPartitions, startsOf, type Start } from "./start.ts";
import type { KeyPlace } from "./view.ts";

export interface StreamLogOptions {
  readonly nats: Nats;
  readonly remembered: Remembered;
  readonly retention: Retention;
  readonly keys: { readonly window: number; readonly count: number };
  readonly queueBytes: number;
  readonly lossPatience: number;
  readonly observer: LogObserver;
  readonly clock: () => number;
}

/** The log of one Headrace stream: a JetStream stream with a subject for each partition. */
export class StreamLog {
  readonly #options: StreamLogOptions;
  readonly #name: string;
  /** Events of a stream with an id are all in one partition. */
  readonly #single: boolean;
  readonly #names: Names;
  readonly #server: StreamServer;
  readonly #keys: RememberedKeys<KeyPlace>;
  readonly #partitions: Partition[] = [];
  #created = "";
  #follower: Follower | undefined;
  #rechecking: Promise<void> | undefined;
  #refreshing = false;
  /** What told of removed messages when their bounds were last asked for. */
  #purged = "";
  #sticky: number | undefined;
  #closed = false;

  private constructor(stream: LogStream, options: StreamLogOptions) {
    this.#options = options;
    this.#name = stream.name;
    this.#single = stream.id !== undefined;
    this.#names = namesOf(options.nats.prefix, stream.name);
    this.#server = new StreamServer(options.nats, this.#names.stream);
    this.#keys = new RememberedKeys({ ...options.keys, clock: options.clock });
  }

  static async open(stream: LogStream, options: StreamLogOptions): Promise<StreamLog> {
    const { remembered, nats } = options;
    const log = new StreamLog(stream, options);
    const count = nats.options.partitions;
    await checkPartitions(remembered, stream.name, count);
    await remembered.addSchema(stream.name, stream.schema);
    const starts = await log.#starts(count);
    for (const [partition, start] of starts.entries()) {
      const cursors = await remembered.cursors(stream.name, partition);
      log.#partitions.push(log.#partition(partition, stream.schema.fingerprint, { ...start, cursors }));
    }
    try {
      await log.#follow(starts);
      for (const partition of log.#partitions) partition.mendEnd();
      await Promise.all(log.#partitions.map(({ appender }) => appender.idle()));
      await log.refresh();
      return log;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  get newest(): number {
    return Math.max(0, ...this.#partitions.map(({ view }) => view.newest));
  }

  get keys(): RememberedKeys<KeyPlace> {
    return this.#keys;
  }

  at(partition: number): Partition | undefined {
    return this.#partitions[partition];
  }

  get partitions(): readonly Partition[] {
    return this.#partitions;
  }

  append(batch: NewBatch): Promise<Appended> {
    this.#sticky ??= Math.floor(Math.random() * this.#partitions.length);
    const chosen = this.#single ? 0 : (choosePartition(batch, this.#partitions.length) ?? this.#sticky);
    const partition = this.#partitions[chosen];
    if (partition === undefined) throw new HeadraceError("internal_error", `there is no partition ${chosen}`);
    return partition.appender.append(batch);
  }

  async recall(key: string): Promise<KeyedAnswer | undefined> {
    return (await this.#recallAll([key])).get(key);
  }

  #recallAll(keys: readonly string[]): Promise<Map<string, KeyedAnswer>> {
    return recallAll(this.#server, (partition) => this.#names.subject(partition), this.#keys, keys);
  }

  #partition(
    partition: number,
    schema: string,
    begin: ConstructorParameters<typeof Partition>[1],
  ): Partition {
    const { nats, remembered, queueBytes, observer } = this.#options;
    const subject = this.#names.subject(partition);
    const stream = this.#name;
    return new Partition(
      {
        nats,
        server: this.#server,
        remembered,
        stream,
        partition,
        subject,
        keys: this.#keys,
        recheck: () => this.#recheck(),
        appender: {
          rechecked: async () => {
            await this.#rechecking;
          },
          stream,
          partition,
          schema,
          queueBytes,
          nats,
          subject,
          isHeld: (key) => this.#keys.find(key) !== undefined,
          recallAll: (keys) => this.#recallAll(keys),
          stored: ({ batches, bytes, took }) =>
            observer.synced?.(stream, { batches, bytes, write: 0, sync: took }),
          // Elsewhere there may be less of a crowd.
          contended: () => (this.#sticky = undefined),
        },
      },
      begin,
    );
  }

  async #starts(count: number): Promise<readonly Start[]> {
    const { clock, keys } = this.#options;
    const { created, starts } = await startsOf(this.#server, this.#names, count, clock() - keys.window);
    this.#created = created;
    return starts;
  }

  /** Looks at everything up to the last message that is there now, and goes on following what comes. */
  async #follow(starts: readonly Start[]): Promise<void> {
    const { nats } = this.#options;
    const from = Math.min(...starts.map(({ chain }) => chain.last)) + 1;
    this.#follower = new Follower(
      { nats, stream: this.#names.stream, subject: this.#names.subjects, from },
      (partition, ...seen) => this.#partitions[partition]?.view.apply(...seen),
    );
    await this.#follower.begin(() =>
      this.#partitions.every(({ view }, partition) => view.chain.last >= (starts[partition]?.last ?? 0)),
    );
    for (const { view } of this.#partitions) while (!view.keysKnown) await view.readKeys();
  }

  /** Finds out whether the servers lost messages that this process has seen, and begins anew if so. */
  #recheck(): Promise<void> {
    return (this.#rechecking ??= this.#doRecheck().finally(() => (this.#rechecking = undefined)));
  }

  async #doRecheck(): Promise<void> {
    if (!(await this.#isLost())) return;
    this.#options.observer.tailLost?.(this.#name);
    // Appends wait until it is done.
    while (!this.#closed) {
      try {
        await this.#beginAnew();
        return;
      } catch {
        await sleep(READ_PAUSE);
      }
    }
  }

  /** A server that was elected a moment ago may not have worked off what the others had agreed on: it gets some time. */
  async #isLost(): Promise<boolean> {
    const deadline = performance.now() + this.#options.lossPatience;
    while (!this.#closed) {
      if (await this.#isAsSeen()) return false;
      if (performance.now() > deadline) return true;
      // Another server may know more.
      this.#options.nats.unanswered();
      await sleep(READ_PAUSE);
    }
    return false;
  }

  async #isAsSeen(): Promise<boolean> {
    const info = await this.#server.find();
    if (info?.created !== this.#created) return false;
    return (await Promise.all(this.#partitions.map((one) => one.isAsSeen()))).every(Boolean);
  }

  async #beginAnew(): Promise<void> {
    this.#follower?.close();
    this.#keys.clear();
    const starts = await this.#starts(this.#partitions.length);
    for (const [index, { chain, first }] of starts.entries()) this.#partitions[index]?.resetTo(chain, first);
    await this.#follow(starts);
    for (const partition of this.#partitions) partition.beginLogIfLost();
  }

  /** Asks the servers for sizes and bounds. Called every few seconds. */
  async refresh(): Promise<void> {
    if (this.#refreshing || this.#closed || !this.#options.nats.connected()) return;
    this.#refreshing = true;
    try {
      const info = await this.#server.find();
      const lastSeen = Math.max(0, ...this.#partitions.map(({ view }) => view.chain.last));
      if (info === undefined || info.created !== this.#created || info.state.last_seq < lastSeen)
        await this.#recheck();
      if (info === undefined) return;
      await this.#share(info.state);
      const { first_seq: first, num_deleted: deleted } = info.state;
      if (this.#purged === `${first}/${deleted}`) return;
      for (const partition of this.#partitions) await partition.refreshBounds();
      this.#purged = `${first}/${deleted}`;
    } finally {
      this.#refreshing = false;
    }
  }

  /** The server knows the bytes of all partitions together: each has its share by the number of its messages. */
  async #share({ bytes, messages }: { bytes: number; messages: number }): Promise<void> {
    const counts =
      this.#partitions.length === 1
        ? new Map([[this.#names.subject(0), messages]])
        : await this.#server.countBySubject(this.#names.subjects);
    for (const [index, partition] of this.#partitions.entries()) {
      const own = counts.get(this.#names.subject(index)) ?? 0;
      partition.setSize({ messages: own, bytes: messages === 0 ? 0 : Math.round((bytes * own) / messages) });
    }
  }

  /** Drops what retention lets go. Called now and then. */
  async tidy(): Promise<void> {
    const { retention, observer, clock } = this.#options;
    for (const partition of this.#partitions) {
      const { messages, bytes } = await partition.tidy(retention, clock());
      if (messages > 0) observer.dropped?.(this.#name, { segments: messages, bytes });
    }
  }

  async close(): Promise<void> {
    const closed = new HeadraceError("draining", `the log of ${this.#name} is closed`);
    const timer = setTimeout(() => this.#server.giveUp(), CLOSE_PATIENCE);
    await Promise.all(this.#partitions.map((partition) => partition.close(closed)));
    clearTimeout(timer);
    this.#closed = true;
    this.#follower?.close();
  }
}
