import type { Nats } from "../../nats/open-nats.ts";
import type { Calls } from "../calls.ts";
import type { Ledgers } from "../ledgers.ts";
import type { Leases } from "../leases.ts";
import { loadNames, makeLoadStreams } from "./names.ts";
import { natsCalls } from "./nats-calls.ts";
import { NatsLeases, type NatsLeasesOptions } from "./nats-leases.ts";
import { NatsLedgers } from "./nats-ledgers.ts";
import { NatsStreamLocks, type StreamLocksOptions } from "./nats-stream-locks.ts";

/** What processes that share a log on NATS agree by: for `createSharedLoader`, which closes leases and ledgers. */
export interface SharedLoading {
  readonly leases: Leases;
  readonly ledgers: Ledgers;
  readonly calls: Calls;
  /** One replay, erasure, reset or rebuild of a stream at a time, in whichever process. `ends` is `StreamLocksOptions.ends`. */
  locks(ends: StreamLocksOptions["ends"]): NatsStreamLocks;
}

/** Rejects with `log_unreachable` when NATS can't keep what is to be shared. */
export async function openSharedLoading(nats: Nats, options: NatsLeasesOptions): Promise<SharedLoading> {
  await makeLoadStreams(nats);
  const leases = new NatsLeases(nats, options);
  const names = loadNames(nats.prefix);
  return {
    leases,
    locks: (ends) => new NatsStreamLocks(leases.values, { subject: (stream) => names.lock(stream), ends }),
    ledgers: new NatsLedgers(nats),
    calls: natsCalls(nats),
  };
}
