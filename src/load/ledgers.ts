import type { LedgerFile } from "./ledger-file.ts";
import type { LedgerState } from "./ledger-state.ts";
import type { PartitionName } from "./leases.ts";

/** The port to the ledgers that several processes share: one writes each, all may follow it. Adapter: `nats/`. */
export interface Ledgers {
  /** Resolves when all that stood in the ledgers has been read. */
  readonly current: Promise<void>;

  /** Calls with what a ledger says after each of its entries, from the latest that is known on. Undefined: it is empty. */
  follow(partition: PartitionName, changed: (state: LedgerState | undefined) => void): void;

  /**
   * For the holder of the partition's lease. Reading it shuts out whoever read it before: their writes fail with `lease_lost`, also
   * those that are on the way, and `shutOut` is called once when that happens to this one.
   */
  open(partition: PartitionName, shutOut: () => void): LedgerFile;

  close(): Promise<void>;
}
