import type { Config } from "./config.ts";
import type { SharedLoading } from "./load/nats/open-shared-loading.ts";
import type { Log } from "./log/log.ts";
import type { LogOptions } from "./log/log-options.ts";
import type { LeaseObserver } from "./load/leases.ts";
import type { Nats, NatsObserver } from "./nats/open-nats.ts";
import type { Store } from "./store/store.ts";

/** The log on NATS, with the connection that all the shared parts use. */
export interface SharedLog {
  readonly nats: Nats;
  readonly log: Log;
}

/** Whether log, leases and ledgers are on servers, where several processes meet. */
export function isShared(config: Pick<Config, "logUrl">): boolean {
  return !config.logUrl.startsWith("file:");
}

/** Connects to NATS and opens the log there; closed with what `opened` holds. */
export async function openSharedLog(
  config: Config,
  project: string,
  options: LogOptions,
  opened: AsyncDisposableStack,
  observer: NatsObserver,
): Promise<SharedLog> {
  // Only who uses it needs the client.
  const { parseNatsUrl } = await import("./nats/nats-url.ts");
  const { openNats } = await import("./nats/open-nats.ts");
  const { openNatsLog } = await import("./log/nats/nats-log.ts");
  const nats = await openNats(parseNatsUrl(config.logUrl), project, observer);
  opened.defer(() => nats.close());
  const log = await openNatsLog({ ...options, nats });
  opened.defer(() => log.close());
  return { nats, log };
}

/** Leases, ledgers and calls of the processes that share the log. `store` is what this process loads into, if it does. */
export async function openShares(
  nats: Nats,
  store: Store | undefined,
  { leaseTtl }: Pick<Config, "leaseTtl">,
  observer: LeaseObserver,
): Promise<SharedLoading> {
  const { openSharedLoading } = await import("./load/nats/open-shared-loading.ts");
  return openSharedLoading(nats, {
    ttl: leaseTtl,
    observer,
    ...(store === undefined ? {} : { storeClock: () => store.clock() }),
  });
}
