import type { StoredMsg } from "@nats-io/jetstream";
import { HeadraceError } from "../../errors.ts";
import { Chain } from "./chain.ts";
import { decodeHead, type MessageHead } from "./message.ts";
import type { StreamServer } from "./server.ts";

/** A message of the log with what it says about itself. */
export interface Stored {
  readonly sequence: number;
  readonly head: MessageHead;
  readonly message: StoredMsg;
}

export interface Bounds {
  readonly first: Stored;
  /** The last message of the subject, which may be none of the log's. */
  readonly last: { readonly sequence: number; readonly head: MessageHead | undefined };
}

/** The first message of a partition, which always counts, and the last; undefined when there is none. */
export async function boundsOf(server: StreamServer, subject: string): Promise<Bounds | undefined> {
  const last = await server.last(subject);
  if (last === undefined) return undefined;
  let message = await server.next(subject, 1);
  while (message !== undefined) {
    const head = decodeHead(message.header);
    if (head !== undefined) {
      const first = { sequence: message.seq, head, message };
      return { first, last: { sequence: last.seq, head: decodeHead(last.header) } };
    }
    message = await server.next(subject, message.seq + 1);
  }
  throw new HeadraceError(
    "log_corrupt",
    `the subject ${subject} holds messages, and none of them is the log's`,
  );
}

/**
 * A chain that begins at or before a message, where it is sure what counts: behind the message that the given one names,
 * or at the first that is kept. The messages from there on have to be looked at.
 */
export async function anchorAt(
  server: StreamServer,
  { first }: Bounds,
  sequence: number,
  head: MessageHead | undefined,
): Promise<Chain> {
  let at: { sequence: number; head: MessageHead } | undefined =
    head === undefined ? undefined : { sequence, head };
  // Amid a run its earlier parts are needed too.
  while (at?.head.run !== undefined && at.head.run.part > 0 && at.head.prev >= first.sequence) {
    const before = await server.at(at.head.prev);
    const found: MessageHead | undefined = decodeHead(before?.header);
    at = before === undefined || found === undefined ? undefined : { sequence: before.seq, head: found };
  }
  if (at === undefined || at.head.prev < first.sequence) {
    const { prev, after, offset, log } = first.head;
    return new Chain({ after: first.sequence - 1, tip: prev, tipId: after, end: offset, log });
  }
  const { prev, after, offset, log } = at.head;
  return new Chain({ after: prev, tip: prev, tipId: after, end: offset, log });
}

/** The sequence number of a message whose events begin at an offset or before it, and not many messages before it. */
export async function locate(
  server: StreamServer,
  subject: string,
  { first, last }: Bounds,
  offset: number,
): Promise<{ sequence: number; head: MessageHead }> {
  let low = { sequence: first.sequence, head: first.head };
  let high = last.sequence;
  while (high - low.sequence > MESSAGES_NEAR) {
    const middle = Math.floor((low.sequence + high) / 2);
    const found = await server.next(subject, middle);
    const head = decodeHead(found?.header);
    if (found !== undefined && head !== undefined && found.seq <= high && head.offset <= offset) {
      low = { sequence: found.seq, head };
    } else {
      high = middle;
    }
  }
  return low;
}

/** So many messages are rather read than searched. */
const MESSAGES_NEAR = 64;
