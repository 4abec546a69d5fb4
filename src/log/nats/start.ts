import { HeadraceError } from "../../errors.ts";
import { anchorAt, boundsOf } from "./anchor.ts";
import { Chain } from "./chain.ts";
import { decodeHead } from "./message.ts";
import { firstLogId, type Names } from "./names.ts";
import type { Remembered } from "./remembered.ts";
import type { StreamServer } from "./server.ts";

/** Where looking at a partition begins. */
export interface Start {
  readonly chain: Chain;
  /** The first offset that is kept. */
  readonly first: number;
  /** Sequence number of the last message just now. */
  readonly last: number;
}

/**
 * Makes the JetStream stream unless it is there, and finds in each partition the first message of a time (milliseconds since 1970) or
 * later, whose keys are to be remembered.
 */
export async function startsOf(
  server: StreamServer,
  names: Names,
  partitions: number,
  since: number,
): Promise<{ readonly created: string; readonly starts: readonly Start[] }> {
  const { created, state } = await server.ensure([names.subjects], false);
  const from = state.messages === 0 ? 1 : await server.sequenceAt(since);
  const starts: Start[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const start = await startAt(server, names.subject(partition), from);
    starts.push(start ?? emptyStart(firstLogId(names.stream, partition, created)));
  }
  return { created, starts };
}

function emptyStart(log: string): Start {
  return { chain: new Chain({ after: 0, tip: 0, tipId: "", end: 0, log }), first: 0, last: 0 };
}

async function startAt(server: StreamServer, subject: string, from: number): Promise<Start | undefined> {
  const bounds = await boundsOf(server, subject);
  if (bounds === undefined) return undefined;
  const found = await server.next(subject, from);
  const { sequence, head } =
    found === undefined ? bounds.last : { sequence: found.seq, head: decodeHead(found.header) };
  const chain = await anchorAt(server, bounds, sequence, head);
  return { chain, first: bounds.first.head.offset, last: bounds.last.sequence };
}

/** Partitions can be added, and those that are there hold events. */
export async function checkPartitions(remembered: Remembered, stream: string, count: number): Promise<void> {
  const before = (await remembered.partitions(stream)) ?? 0;
  if (count < before) {
    throw new HeadraceError(
      "config_invalid",
      `the stream ${stream} has ${before} partitions in the log: there can be more, but not ${count}. Set partitions=${before} in HEADRACE_LOG_URL`,
    );
  }
  if (count > before) await remembered.setPartitions(stream, count);
}
