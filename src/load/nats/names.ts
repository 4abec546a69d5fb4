import type { Nats } from "../../nats/open-nats.ts";
import { HeadraceError, messageOf } from "../../errors.ts";
import { KIB } from "../../units.ts";
import type { PartitionName } from "../leases.ts";
import { isCode } from "./publish-after.ts";

/** The names of the loader's JetStream streams and subjects. */
export interface LoadNames {
  /** The JetStream stream of leases and other things of which the latest counts. */
  readonly leases: string;
  /** The JetStream stream of ledgers. */
  readonly ledgers: string;
  /** See `Following.mark`. */
  readonly marks: { readonly leases: string; readonly ledgers: string };
  lease(partition: PartitionName): string;
  member(id: string): string;
  lock(stream: string): string;
  ledger(partition: PartitionName): string;
  /** Where the holder of a partition is asked for something. Not kept. */
  call(partition: PartitionName): string;
}

export function loadNames(prefix: string): LoadNames {
  return {
    leases: `${prefix}-leases`,
    ledgers: `${prefix}-ledgers`,
    marks: { leases: `${prefix}.leases.mark`, ledgers: `${prefix}.ledgers.mark` },
    lease: (partition) => `${prefix}.leases.lease.${place(partition)}`,
    member: (id) => `${prefix}.leases.member.${id}`,
    lock: (stream) => `${prefix}.leases.lock.${stream}`,
    ledger: (partition) => `${prefix}.ledgers.${place(partition)}`,
    call: (partition) => `${prefix}.calls.${place(partition)}`,
  };
}

function place({ stream, partition }: PartitionName): string {
  return `${stream}.${partition}`;
}

/** Bytes of a message, under every server's `max_payload` (1 MiB by default) with its headers. */
export const MESSAGE_BYTES_MAX = 512 * KIB;

/** Makes the JetStream streams when they aren't there, with as many copies as the log has; those that are there stay as they are. */
export async function makeLoadStreams({ manager, options, prefix }: Nats): Promise<void> {
  const names = loadNames(prefix);
  const common = { num_replicas: options.replicas, storage: "file" } as const;
  const wanted = [
    { ...common, name: names.leases, subjects: [`${prefix}.leases.>`], max_msgs_per_subject: 1 },
    { ...common, name: names.ledgers, subjects: [`${prefix}.ledgers.>`] },
  ];
  for (const config of wanted) {
    try {
      await manager.streams.add(config);
    } catch (error) {
      if (isCode(error, NAME_IN_USE)) continue;
      throw new HeadraceError(
        "log_unreachable",
        `NATS can't make the stream ${config.name}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
}

/** The stream is there with another configuration: an administrator has changed it. */
const NAME_IN_USE = 10_058;
