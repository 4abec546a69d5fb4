import type { PlannedBatch, Store } from "../../store/store.ts";
import type { Lease } from "../leases.ts";

/** The store as the holder of a lease may use it: an insert that comes after the lease's end leaves nothing. */
export function fencedStore(store: Store, lease: Pick<Lease, "until">): Store {
  // The lease as it is renewed when the insert begins.
  const fenced = (batch: PlannedBatch): PlannedBatch => ({ ...batch, until: lease.until });
  return {
    capabilities: store.capabilities,
    migrate: (...args) => store.migrate(...args),
    insert: (table, batch) => store.insert(table, fenced(batch)),
    ...(store.keepIds === undefined
      ? {}
      : { keepIds: async (table, batch) => store.keepIds?.(table, fenced(batch)) }),
    fits: (...args) => store.fits(...args),
    present: (...args) => store.present(...args),
    findIds: (...args) => store.findIds(...args),
    scanIds: (...args) => store.scanIds(...args),
    forgetIds: (...args) => store.forgetIds(...args),
    erase: (...args) => store.erase(...args),
    query: (...args) => store.query(...args),
    describe: (...args) => store.describe(...args),
    beginRebuild: (...args) => store.beginRebuild(...args),
    clock: () => store.clock(),
    close: () => store.close(),
  };
}
