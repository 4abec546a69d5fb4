import type { PlannedBatch, Store } from "../../store/store.ts";
import { storeWith } from "../../store/store-with.ts";
import type { Lease } from "../leases.ts";

/** The store as the holder of a lease may use it: an insert that comes after the lease's end leaves nothing. */
export function fencedStore(store: Store, lease: Pick<Lease, "until">): Store {
  // The lease as it is renewed when the insert begins.
  const fenced = (batch: PlannedBatch): PlannedBatch => ({ ...batch, until: lease.until });
  return storeWith(store, {
    insert: (table, batch) => store.insert(table, fenced(batch)),
    ...(store.keepIds === undefined
      ? {}
      : { keepIds: async (table, batch) => store.keepIds?.(table, fenced(batch)) }),
  });
}
