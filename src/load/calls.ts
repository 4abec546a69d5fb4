import type { PartitionName } from "./leases.ts";

/** The port by which a process asks the one that holds a partition's lease for something. Adapter: `nats/`. */
export interface Calls {
  /**
   * Asks the holder and gives its answer, or rejects with the HeadraceError that it gave. Without anyone who listens it rejects with
   * `overloaded`, and with `lease_lost` when no answer came in time (milliseconds): whether it was done isn't known then.
   */
  ask(partition: PartitionName, request: CallRequest, timeout: number): Promise<unknown>;

  /** Answers calls for a partition until `close`. What `answer` gives or throws is what the caller gets; it must be JSON. */
  answer(partition: PartitionName, answer: (request: CallRequest) => Promise<unknown>): Answering;
}

export interface Answering {
  close(): void;
}

export interface CallRequest {
  readonly kind: "erase" | "plan rebuild" | "begin rebuild" | "cancel rebuild";
  readonly [name: string]: unknown;
}
