import type { Config } from "./config.ts";
import type { LeaseObserver } from "./load/leases.ts";
import type { SharedLoading } from "./load/nats/open-shared-loading.ts";
import type { Nats } from "./nats/open-nats.ts";
import type { Store } from "./store/store.ts";

/** Leases, ledgers and calls of the processes that share a log on NATS. `store` is what this process loads into, if it does. */
export async function openShares(
  nats: Nats,
  store: Store | undefined,
  { leaseTtl }: Pick<Config, "leaseTtl">,
  observer: LeaseObserver,
): Promise<SharedLoading> {
  // Only who uses it needs the client.
  const { openSharedLoading } = await import("./load/nats/open-shared-loading.ts");
  return openSharedLoading(nats, {
    ttl: leaseTtl,
    observer,
    ...(store === undefined ? {} : { storeClock: () => store.clock() }),
  });
}
