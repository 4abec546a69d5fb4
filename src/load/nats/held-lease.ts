import { HeadraceError, messageOf } from "../../errors.ts";
import type { HolderNote, Lease, LeaseObserver } from "../leases.ts";
import type { LatestValues } from "./latest-values.ts";
import type { LeaseValue } from "./nats-leases.ts";

export interface HeldLeaseOptions {
  readonly stream: string;
  readonly partition: number;
  readonly subject: string;
  /** What was set to take it, the sequence that this gave, and when it was sent on the steady clock. */
  readonly value: LeaseValue;
  readonly sequence: number;
  readonly takenAt: number;
  /** See `Lease.until`. */
  readonly until: number;
  readonly observer: LeaseObserver;
  renewSoon(): void;
  /** It is released. */
  ended(): void;
}

/** A lease that this process has taken, until it is released. */
export class HeldLease implements Lease {
  readonly stream: string;
  readonly partition: number;
  readonly epoch: number;
  readonly released: Promise<void>;
  readonly #values: LatestValues;
  readonly #options: HeldLeaseOptions;
  readonly #over = new AbortController();
  readonly #released = Promise.withResolvers<void>();
  #until: number;
  #value: LeaseValue;
  #sequence: number;
  /** On the steady clock: when the renewal was sent that others have seen at the earliest. */
  #renewedAt: number;
  #toldAnew = false;
  #isLost = false;
  #renewing: Promise<void> = Promise.resolve();

  constructor(values: LatestValues, options: HeldLeaseOptions) {
    this.#values = values;
    this.#options = options;
    this.stream = options.stream;
    this.partition = options.partition;
    this.epoch = options.value.epoch;
    this.#until = options.until;
    this.#value = options.value;
    this.#sequence = options.sequence;
    this.#renewedAt = options.takenAt;
    this.released = this.#released.promise;
  }

  get until(): number {
    return this.#until;
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  tell(note: HolderNote): void {
    const isNews = newsOf(note) !== newsOf(this.#value.note);
    this.#value = { ...this.#value, note };
    if (!isNews) return;
    this.#toldAnew = true;
    this.#options.renewSoon();
  }

  lost(): void {
    this.#lose("another process has its ledger");
  }

  /** Ends the work, so that another process may have it. */
  handOn(): void {
    this.#over.abort(new HeadraceError("lease_lost", "Another process is to load it"));
  }

  /**
   * Renews it when it was renewed before `due`, on the steady clock, or when there is news. `storeTime` asks the store's clock, and
   * gives nothing when that doesn't answer: the store then takes no more for as long.
   */
  renew(storeTime: () => Promise<number | undefined>, due: number): Promise<void> {
    this.#renewing = this.#renewing.then(() => this.#renew(storeTime, due));
    return this.#renewing;
  }

  async release(): Promise<void> {
    this.handOn();
    // A renewal would be in its way: from now on there is none any more.
    await this.#renewing;
    if (!this.#isLost) {
      const free: LeaseValue = { ...this.#value, owner: "" };
      const { subject, observer } = this.#options;
      // If it can't be told, the others wait for its end.
      await this.#values.set(subject, free, this.#sequence, free.ttl / 3).catch(() => {});
      observer.handedOn?.(this);
    }
    this.#options.ended();
    this.#released.resolve();
  }

  async #renew(storeTime: () => Promise<number | undefined>, due: number): Promise<void> {
    // When the work takes longer to end than the lease lasts, others needn't wait for it.
    if (this.#over.signal.aborted) return;
    if (this.#renewedAt > due && !this.#toldAnew) return;
    const { subject } = this.#options;
    const { ttl } = this.#value;
    const time = await storeTime();
    const at = performance.now();
    this.#toldAnew = false;
    let reason = "its renewals arrive too late";
    try {
      const sequence = await this.#values.set(subject, this.#value, this.#sequence, ttl / 3);
      if (sequence !== undefined) {
        this.#sequence = sequence;
        this.#renewedAt = at;
        if (time !== undefined) this.#until = time + ttl;
        return;
      }
    } catch (error) {
      reason = `it could not be renewed: ${messageOf(error)}`;
    }
    // An earlier renewal may have arrived whose answer didn't: then it is our own that stands there.
    const standing = this.#values.get(subject);
    const { owner, epoch } = (standing?.value ?? {}) as Partial<LeaseValue>;
    const isOwn = owner === this.#value.owner && epoch === this.epoch;
    if (standing === undefined || !isOwn) return this.#lose("another process has taken it");
    this.#sequence = Math.max(this.#sequence, standing.sequence);
    // Another attempt might end after the lease does.
    if (performance.now() - this.#renewedAt >= ttl * (2 / 3)) this.#lose(reason);
  }

  #lose(reason: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#options.observer.lost?.(this, reason);
    this.#over.abort(new HeadraceError("lease_lost", `Its lease is lost: ${reason}`));
  }
}

/** What others should know of at once. */
function newsOf({ state, reason, rebuild }: HolderNote): string {
  return JSON.stringify([state, reason, rebuild?.id, rebuild?.state]);
}
