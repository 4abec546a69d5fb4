import { JetStreamApiCodes } from "@nats-io/jetstream";
import { HeadraceError, messageOf } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import { KIB, SECOND } from "../../units.ts";
import { pause } from "../backoff.ts";
import type { LedgerFile } from "../ledger-file.ts";
import { decodeEntries, encodeEntry } from "../ledger-line.ts";
import { applyEntry, type LedgerState } from "../ledger-state.ts";
import type { Ledgers } from "../ledgers.ts";
import type { PartitionName } from "../leases.ts";
import { followStream, type Followed } from "./follow-stream.ts";
import { messagesOf, RunReader, type ReadMessage, type Run } from "./ledger-run.ts";
import { loadNames, type LoadNames } from "./names.ts";
import { isCode, publishAfter } from "./publish-after.ts";

/** How long a write to a ledger may take until it has failed, in milliseconds. */
const WRITE_PATIENCE = 10 * SECOND;
/** How often it is looked whether all that stands in a ledger has been read, in milliseconds. */
const READ_INTERVAL = 20;
/** When what is followed still isn't all that there is, it is asked for. Milliseconds. */
const FOLLOW_PATIENCE = 0.5 * SECOND;
/** Bytes after which a ledger is written anew: what comes before goes message by message. */
const BYTES_MAX = 16 * KIB;
/** Messages of a ledger that are known to be there, to be removed: those of two times that it is written anew. */
const KEPT_MAX = 512;
/** Messages that are removed at once. */
const REMOVALS = 8;
/** How long opening a ledger waits for reading it, in milliseconds. */
const READ_PATIENCE = 30 * SECOND;

/** The ledgers as messages of a JetStream stream, a subject for each; `makeLoadStreams` has made it. */
export class NatsLedgers implements Ledgers {
  readonly #nats: Nats;
  readonly #names: LoadNames;
  readonly #followed: Followed;
  readonly #read = new Map<string, ReadLedger>();

  constructor(nats: Nats) {
    this.#nats = nats;
    this.#names = loadNames(nats.prefix);
    this.#followed = followStream(nats, {
      stream: this.#names.ledgers,
      mark: this.#names.marks.ledgers,
      message: ({ subject, seq, headers: header, data }) => this.#ledger(subject).add({ seq, header, data }),
      anew: () => {
        for (const ledger of this.#read.values()) ledger.forget();
      },
    });
  }

  get current(): Promise<void> {
    return this.#followed.current;
  }

  follow(partition: PartitionName, changed: (state: LedgerState | undefined) => void): void {
    this.#ledger(this.#names.ledger(partition)).follow(changed);
  }

  open(partition: PartitionName, shutOut: () => void): LedgerFile {
    const subject = this.#names.ledger(partition);
    const stream = this.#names.ledgers;
    return new NatsLedgerFile(this.#nats, { stream, subject }, this.#ledger(subject), shutOut);
  }

  close(): Promise<void> {
    return this.#followed.close();
  }

  #ledger(subject: string): ReadLedger {
    let ledger = this.#read.get(subject);
    if (ledger === undefined) this.#read.set(subject, (ledger = new ReadLedger(subject)));
    return ledger;
  }
}

/** What was read of a ledger. */
class ReadLedger {
  readonly #subject: string;
  readonly #runs = new RunReader();
  #followers: ((state: LedgerState | undefined) => void)[] = [];
  #state: LedgerState | undefined;
  /** Sequences of messages that may be there still, rising. */
  #kept: number[] = [];
  /** The sequence of the last message. */
  sequence = 0;
  /** Why the ledger can't be followed any more. */
  damage: HeadraceError | undefined;

  constructor(subject: string) {
    this.#subject = subject;
  }

  get state(): LedgerState | undefined {
    return this.#state;
  }

  follow(changed: (state: LedgerState | undefined) => void): void {
    this.#followers.push(changed);
    changed(this.#state);
  }

  add(message: ReadMessage): void {
    // It may have been asked for already.
    if (message.seq <= this.sequence) return;
    this.sequence = message.seq;
    this.#kept.push(message.seq);
    if (this.#kept.length > KEPT_MAX) this.#kept.shift();
    const run = this.#runs.add(message);
    if (run === undefined || run.kind === "opened") return;
    try {
      this.#apply(run);
    } catch (error) {
      this.damage =
        error instanceof HeadraceError
          ? error
          : new HeadraceError("ledger_corrupt", `${this.#subject} can't be followed: ${messageOf(error)}`, {
              cause: error,
            });
    }
  }

  /** The messages before this one, which needn't be there any more. */
  takeBefore(sequence: number): readonly number[] {
    const before = this.#kept.filter((one) => one < sequence);
    this.#kept = this.#kept.filter((one) => one >= sequence);
    return before;
  }

  forget(): void {
    this.sequence = 0;
    this.#kept = [];
    this.damage = undefined;
    this.#set(undefined);
  }

  #apply({ kind, bytes }: Run): void {
    const entries = decodeEntries(bytes, this.#subject);
    if (kind === "whole") this.damage = undefined;
    if (this.damage !== undefined) return;
    let state = kind === "whole" ? undefined : this.#state;
    for (const entry of entries) state = applyEntry(state, entry);
    this.#set(state);
  }

  #set(state: LedgerState | undefined): void {
    this.#state = state;
    for (const changed of this.#followers) changed(state);
  }
}

interface Place {
  readonly stream: string;
  readonly subject: string;
}

/** One writer of a ledger, until another one reads it. */
class NatsLedgerFile implements LedgerFile {
  readonly bytesMax = BYTES_MAX;
  readonly #nats: Nats;
  readonly #place: Place;
  readonly #read: ReadLedger;
  readonly #shutOut: () => void;
  /** The sequence after which the next message goes; undefined while this isn't the writer. */
  #after: number | undefined;

  constructor(nats: Nats, place: Place, read: ReadLedger, shutOut: () => void) {
    this.#nats = nats;
    this.#place = place;
    this.#read = read;
    this.#shutOut = shutOut;
  }

  /** The word of a new writer follows the last message that was read: so nothing was overlooked, and no older writer comes after it. */
  async read(): Promise<Buffer | undefined> {
    const from = performance.now();
    for (;;) {
      const { sequence } = this.#read;
      const opened = await this.#publish({ kind: "opened", bytes: Buffer.alloc(0) }, sequence);
      if (opened !== undefined) {
        // What is read from now on comes from this writer.
        const { state, damage } = this.#read;
        if (damage !== undefined) throw damage;
        this.#after = opened.last;
        return state === undefined ? undefined : encodeEntry({ kind: "state", state });
      }
      const waited = performance.now() - from;
      if (waited > READ_PATIENCE) {
        throw new HeadraceError("ledger_failed", `${this.#place.subject} can't be read to its end`);
      }
      if (waited > FOLLOW_PATIENCE) await this.#catchUp();
      else await pause(READ_INTERVAL, new AbortController().signal);
    }
  }

  async append(bytes: Buffer): Promise<void> {
    await this.#write({ kind: "lines", bytes });
  }

  async replace(bytes: Buffer): Promise<void> {
    const { first } = await this.#write({ kind: "whole", bytes });
    void this.#removeBefore(first);
  }

  async close(): Promise<void> {
    this.#after = undefined;
  }

  /** Asks for the messages that following hasn't brought. */
  async #catchUp(): Promise<void> {
    const { stream, subject } = this.#place;
    for (;;) {
      const next = { next_by_subj: subject, seq: this.#read.sequence + 1 };
      try {
        const message = await this.#nats.manager.streams.getMessage(stream, next);
        if (message === null) return;
        this.#read.add(message);
      } catch (error) {
        if (isCode(error, JetStreamApiCodes.NoMessageFound)) return;
        throw error;
      }
    }
  }

  /** One by one: when messages are purged, servers of some versions skip others that their readers haven't had yet. */
  async #removeBefore(sequence: number): Promise<void> {
    const { stream } = this.#place;
    const old = [...this.#read.takeBefore(sequence)];
    const remove = async (): Promise<void> => {
      for (let one = old.pop(); one !== undefined; one = old.pop()) {
        // What isn't there is gone already; what stays is removed by a later holder, or does no harm.
        await this.#nats.manager.streams.deleteMessage(stream, one, false).catch(() => {});
      }
    };
    await Promise.all(Array.from({ length: REMOVALS }, remove));
  }

  async #write(run: Run): Promise<Published> {
    const published = this.#after === undefined ? undefined : await this.#publish(run, this.#after);
    if (published !== undefined) {
      this.#after = published.last;
      return published;
    }
    this.#after = undefined;
    this.#shutOut();
    throw new HeadraceError("lease_lost", `${this.#place.subject} has another writer now`);
  }

  /** Undefined when something else stands there. */
  async #publish(run: Run, after: number): Promise<Published | undefined> {
    let [first, last] = [0, after];
    for (const { headers, data } of messagesOf(run)) {
      const sequence = await publishAfter(this.#nats, {
        ...this.#place,
        headers,
        data,
        after: last,
        patience: WRITE_PATIENCE,
      });
      if (sequence === undefined) return undefined;
      if (first === 0) first = sequence;
      last = sequence;
    }
    return { first, last };
  }
}

/** Sequences of a run's messages. */
interface Published {
  readonly first: number;
  readonly last: number;
}
