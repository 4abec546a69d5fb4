import type { Nats } from "../../nats/open-nats.ts";
import type { Calls } from "../calls.ts";
import type { Ledgers } from "../ledgers.ts";
import type { Leases } from "../leases.ts";
import { makeLoadStreams } from "./names.ts";
import { natsCalls } from "./nats-calls.ts";
import { NatsLeases, type NatsLeasesOptions } from "./nats-leases.ts";
import { NatsLedgers } from "./nats-ledgers.ts";

/** What processes that share a log on NATS agree by: for `createSharedLoader`, which closes leases and ledgers. */
export interface SharedLoading {
  readonly leases: Leases;
  readonly ledgers: Ledgers;
  readonly calls: Calls;
}

/** Rejects with `log_unreachable` when NATS can't keep what is to be shared. */
export async function openSharedLoading(nats: Nats, options: NatsLeasesOptions): Promise<SharedLoading> {
  await makeLoadStreams(nats);
  return {
    leases: new NatsLeases(nats, options),
    ledgers: new NatsLedgers(nats),
    calls: natsCalls(nats),
  };
}
