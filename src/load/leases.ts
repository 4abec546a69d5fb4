import type { LoadStatus } from "./load.ts";
import type { WireRebuild } from "./rebuild/rebuild-wire.ts";

/**
 * The port to what several processes agree by on who loads which partition: leases that end by themselves. Adapter: `nats/`.
 *
 * A lease says who is meant to load, and no more: its holder may be asleep when it ends. What keeps a late one from writing is
 * the ledger, which takes entries of its latest opener only, and the store, which takes no insert after `until`.
 */
export interface Leases {
  /** Resolves when it is known who holds what. Rejects with `log_unreachable`. */
  readonly current: Promise<void>;

  /**
   * From now on this process takes its share of these partitions. `taken` is told of each lease; whoever is told must end its work
   * when `lease.over` aborts, and then release it. Resolves after the first round, with what could be had at once.
   */
  join(partitions: readonly PartitionName[], taken: (lease: Lease) => void): Promise<void>;

  /** Who holds a partition now, as far as that is known; undefined when nobody does. */
  holder(partition: PartitionName): Holder | undefined;

  /** Hands on what is held as soon as it is released, and waits for that. Others then needn't wait for the leases' end. */
  close(): Promise<void>;
}

export interface PartitionName {
  readonly stream: string;
  readonly partition: number;
}

export interface Lease extends PartitionName {
  /** Higher for each holder of the partition. */
  readonly epoch: number;
  /** When it ends, by the store's clock in milliseconds, as far as it is renewed now. */
  readonly until: number;
  /** Aborts when it is lost, or to be handed on. */
  readonly over: AbortSignal;
  /** Another holder has been met: it is over. */
  lost(): void;
  /** What others are told of the partition with the next renewal, which comes soon. */
  tell(note: HolderNote): void;
  /** The work has ended: others may take it. */
  release(): Promise<void>;
}

export interface Holder {
  readonly note: HolderNote;
  /** Whether it is this process. */
  readonly isHere: boolean;
}

/** What a holder says about the partition. */
export interface HolderNote extends Pick<LoadStatus, "state" | "reason"> {
  /** Age of the oldest event that isn't queryable, in milliseconds. */
  readonly lagAge: number;
  /** The latest rebuild that this holder has begun. */
  readonly rebuild?: WireRebuild;
}

/** Called by the leases; all are optional. Must not throw. */
export interface LeaseObserver {
  taken?(partition: PartitionName, epoch: number): void;
  /** It ended without being handed on: another took it, or it couldn't be renewed. */
  lost?(partition: PartitionName, reason: string): void;
  handedOn?(partition: PartitionName): void;
}
