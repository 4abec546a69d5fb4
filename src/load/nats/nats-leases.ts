import { randomUUID } from "node:crypto";
import type { Nats } from "../../nats/open-nats.ts";
import { SECOND } from "../../units.ts";
import type { Holder, HolderNote, Lease, LeaseObserver, Leases, PartitionName } from "../leases.ts";
import { spread } from "../spread.ts";
import { HeldLease } from "./held-lease.ts";
import { LatestValues, type Standing } from "./latest-values.ts";
import { loadNames, type LoadNames } from "./names.ts";

/** How long a lease lasts when it isn't renewed, in milliseconds. */
export const LEASE_TTL = 10 * SECOND;
/** How often in its time a lease is renewed. */
const RENEWALS = 3;
/** Others wait longer than a lease lasts by this part of it: steady clocks may run at slightly different speeds. */
const PATIENCE_SHARE = 0.1;
/** After so many of its times a member that hasn't been heard of is forgotten. */
const FORGOTTEN_AFTER = 20;

export interface NatsLeasesOptions {
  /** The store's clock, milliseconds: leases end by it. Only who loads needs it. */
  readonly storeClock?: () => Promise<number>;
  /** Milliseconds. Default LEASE_TTL. */
  readonly ttl?: number;
  readonly observer?: LeaseObserver;
}

/** What stands under a partition's subject. */
export interface LeaseValue {
  /** "": it was handed on. */
  readonly owner: string;
  readonly epoch: number;
  /** Milliseconds. */
  readonly ttl: number;
  readonly note: HolderNote;
}

/** What stands under a member's subject. */
interface MemberValue {
  /** The subjects of the partitions that it can load; none when it has left. */
  readonly can: readonly string[];
  readonly ttl: number;
}

/**
 * Leases as values of a JetStream stream, each changed only by who knows the latest. A holder renews its own; when a lease hasn't
 * changed for its time, by the steady clock of whoever looks, it is free. Everyone says which partitions they can load, and computes
 * from that who should: who has more hands one on, who has less takes it.
 */
export class NatsLeases implements Leases {
  readonly #names: LoadNames;
  readonly #options: NatsLeasesOptions;
  readonly #ttl: number;
  readonly #id: string = randomUUID();
  readonly #values: LatestValues;
  readonly #held = new Map<string, HeldLease>();
  readonly #closing = new AbortController();
  #partitions = new Map<string, PartitionName>();
  #taken: (lease: Lease) => void = () => {};
  /** On the steady clock. */
  #announcedAt = Number.NEGATIVE_INFINITY;
  #rounds: Promise<void> | undefined;
  #bell = Promise.withResolvers<void>();

  constructor(nats: Nats, options: NatsLeasesOptions) {
    this.#names = loadNames(nats.prefix);
    this.#options = options;
    this.#ttl = options.ttl ?? LEASE_TTL;
    this.#values = new LatestValues(nats, {
      stream: this.#names.leases,
      mark: this.#names.marks.leases,
      subjects: `${nats.prefix}.leases.>`,
      changed: (subject, before) => {
        // What others renew changes nothing for this one.
        const { owner, can } = partly<LeaseValue & MemberValue>(this.#values.get(subject));
        const hasLeft = can?.length === 0;
        if (owner === "" || hasLeft || (can !== undefined && before === undefined)) this.#bell.resolve();
      },
    });
  }

  /** What stands in the stream of leases: for other things of the kind. */
  get values(): LatestValues {
    return this.#values;
  }

  get current(): Promise<void> {
    return this.#values.current;
  }

  async join(partitions: readonly PartitionName[], taken: (lease: Lease) => void): Promise<void> {
    await this.#values.current;
    this.#taken = taken;
    this.#partitions = new Map(partitions.map((one) => [this.#names.lease(one), one]));
    await this.#round();
    this.#rounds = this.#goOn();
  }

  holder(partition: PartitionName): Holder | undefined {
    const standing = this.#values.get(this.#names.lease(partition));
    const owner = this.#ownerOf(standing);
    const { note } = partly<LeaseValue>(standing);
    return owner === undefined || note === undefined ? undefined : { note, isHere: owner === this.#id };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#bell.resolve();
    await this.#rounds;
    for (const lease of this.#held.values()) lease.handOn();
    await Promise.all([...this.#held.values()].map(({ released }) => released));
    const gone: MemberValue = { can: [], ttl: this.#ttl };
    const member = this.#names.member(this.#id);
    if (this.#partitions.size > 0) await this.#values.put(member, gone, this.#ttl / RENEWALS).catch(() => {});
    await this.#values.close();
  }

  async #goOn(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#rest();
      if (!this.#closing.signal.aborted) await this.#round();
    }
  }

  /** Until a lease is to be renewed, or something has changed. */
  async #rest(): Promise<void> {
    const timer = setTimeout(() => this.#bell.resolve(), this.#ttl / RENEWALS / 2);
    await this.#bell.promise;
    clearTimeout(timer);
    this.#bell = Promise.withResolvers();
  }

  /** What fails is tried again in the next round. */
  async #round(): Promise<void> {
    const due = performance.now() - this.#ttl / RENEWALS;
    // Asked at most once, and before anything is sent that others count a lease's time from.
    let asked: Promise<number | undefined> | undefined;
    const storeTime = (): Promise<number | undefined> => (asked ??= this.#storeTime());
    await Promise.all([
      this.#announce(due).catch(() => {}),
      ...[...this.#held.values()].map((lease) => lease.renew(storeTime, due)),
    ]);
    if (this.#closing.signal.aborted) return;
    const wanted = this.#wanted();
    for (const [subject, lease] of this.#held) if (wanted.get(subject) !== this.#id) lease.handOn();
    const free = [...wanted].filter(([subject, owner]) => {
      const before = this.#ownerOf(this.#values.get(subject));
      // One that was lost here stands there for a while yet.
      return owner === this.#id && !this.#held.has(subject) && (before === undefined || before === owner);
    });
    await Promise.all(free.map(([subject]) => this.#take(subject, storeTime).catch(() => {})));
  }

  /** The store's clock when it answers in time; else no lease is longer than it was. */
  async #storeTime(): Promise<number | undefined> {
    const { storeClock } = this.#options;
    if (storeClock === undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), this.#ttl / RENEWALS / 2);
    try {
      return await Promise.race([storeClock().catch(() => undefined), promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #announce(due: number): Promise<void> {
    if (this.#announcedAt > due) return;
    const value: MemberValue = { can: this.#able(), ttl: this.#ttl };
    const at = performance.now();
    await this.#values.put(this.#names.member(this.#id), value, this.#ttl / RENEWALS);
    this.#announcedAt = at;
  }

  /** The partitions that can be loaded here: not one of which earlier work still has to come to its end. */
  #able(): string[] {
    return [...this.#partitions.keys()].filter((key) => this.#held.get(key)?.over.aborted !== true);
  }

  #wanted(): ReadonlyMap<string, string> {
    const members = new Map<string, ReadonlySet<string>>([[this.#id, new Set(this.#able())]]);
    const prefix = this.#names.member("");
    for (const [subject, standing] of this.#values.entries()) {
      if (!subject.startsWith(prefix)) continue;
      const { can, ttl } = partly<MemberValue>(standing);
      if (can === undefined || ttl === undefined) continue;
      if (isOver(standing, ttl * FORGOTTEN_AFTER)) void this.#values.remove(subject);
      else if (!isOver(standing, ttl) && can.length > 0)
        members.set(subject.slice(prefix.length), new Set(can));
    }
    const keys = new Set([...members.values()].flatMap((can) => [...can]));
    const holders = new Map<string, string>();
    for (const key of keys) {
      const isHere = this.#held.get(key)?.over.aborted === false;
      const owner = isHere ? this.#id : this.#ownerOf(this.#values.get(key));
      if (owner !== undefined) holders.set(key, owner);
    }
    return spread(keys, holders, members);
  }

  async #take(subject: string, askTime: () => Promise<number | undefined>): Promise<void> {
    const partition = this.#partitions.get(subject);
    if (partition === undefined) return;
    const standing = this.#values.get(subject);
    const epoch = (partly<LeaseValue>(standing).epoch ?? 0) + 1;
    const note: HolderNote = { state: "reconciling", lagAge: 0 };
    const value: LeaseValue = { owner: this.#id, epoch, ttl: this.#ttl, note };
    const storeTime = await askTime();
    const at = performance.now();
    const sequence = await this.#values.set(subject, value, standing?.sequence ?? 0, this.#ttl / RENEWALS);
    if (sequence === undefined) return;
    const lease = new HeldLease(this.#values, {
      ...partition,
      subject,
      value,
      sequence,
      takenAt: at,
      until: storeTime === undefined ? 0 : storeTime + this.#ttl,
      observer: this.#options.observer ?? {},
      renewSoon: () => this.#bell.resolve(),
      ended: () => {
        this.#held.delete(subject);
        this.#bell.resolve();
      },
    });
    this.#held.set(subject, lease);
    this.#options.observer?.taken?.(partition, epoch);
    this.#taken(lease);
  }

  #ownerOf(standing: Standing | undefined): string | undefined {
    const { owner, ttl } = partly<LeaseValue>(standing);
    if (standing === undefined || owner === undefined || owner === "" || ttl === undefined) return undefined;
    return isOver(standing, ttl) ? undefined : owner;
  }
}

/** A value that others have set: whatever it is, the fields that are looked for may not be there. */
function partly<Value>(standing: Standing | undefined): Partial<Value> {
  const value = standing?.value;
  return typeof value === "object" && value !== null ? value : {};
}

/** Whether a value hasn't changed for so long, in milliseconds. */
function isOver({ seenAt }: Standing, ttl: number): boolean {
  return performance.now() - seenAt > ttl * (1 + PATIENCE_SHARE);
}
