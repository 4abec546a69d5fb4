import { setTimeout as sleep } from "node:timers/promises";
import { JetStreamApiCodes } from "@nats-io/jetstream";
import { HeadraceError, messageOf } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import { FATE_PAUSE, PUBLISH_TIMEOUT } from "./limits.ts";
import { encodeHeaders, type MessageHead, type MessageKeys } from "./message.ts";
import { codeOf } from "./server.ts";
import type { PartitionView } from "./view.ts";

export interface OutgoingMessage {
  readonly head: MessageHead;
  readonly keys: MessageKeys;
  readonly data: Buffer;
}

export interface PublisherTarget {
  readonly nats: Nats;
  readonly subject: string;
  readonly view: PartitionView;
  /** Asks the server for what comes after what was looked at. Gives how many messages that was. */
  catchUp(): Promise<number>;
  /** Finds out whether the server lost messages, and begins anew if so. */
  recheck(): Promise<void>;
  /** The fate of a message can't be found out just now, and why; undefined when it is known again. */
  troubled(reason: string | undefined): void;
  /** Whether the log is closed and waits no longer. */
  isOver(): boolean;
}

/** Codes of JetStream for a message that it can't take: no space or too large. */
const FULL_CODES = [10_023, 10_047, 10_077];
const TOO_LARGE_CODES = [10_054, 10_097];

/**
 * Stores one message behind the tip of the chain that it names, or finds out that it never will be. After an unclear
 * answer (a timeout, a lost connection, no leader) it is sent again as it was until one of two is seen: the message itself
 * in the chain, or another one in its place. In both cases a copy that is still under way can do no harm: it names a
 * message that isn't the tip any more.
 */
export async function publish(target: PublisherTarget, message: OutgoingMessage): Promise<"stored" | "lost"> {
  const { view } = target;
  const watched = view.watch(message.head.id);
  const { generation } = view;

  try {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await send(target, message);
      if (outcome.kind === "refused" && attempt === 1) throw outcome.error;
      if (outcome.kind === "unclear" || outcome.kind === "refused") {
        target.troubled(messageOf(outcome.error));
        if (target.isOver()) throw leftOpen(outcome.error);
        await sleep(FATE_PAUSE);
      }
      const isSettled = await settledBy(target, watched, message.head, outcome);
      if (view.generation !== generation && !watched.counted) throw lostMeanwhile();
      if (isSettled) return watched.counted ? "stored" : "lost";
    }
  } finally {
    target.troubled(undefined);
  }
}

type Sent =
  | { readonly kind: "acknowledged"; readonly sequence: number }
  | { readonly kind: "conflict" }
  | { readonly kind: "refused" | "unclear"; readonly error: unknown };

async function send(target: PublisherTarget, { head, keys, data }: OutgoingMessage): Promise<Sent> {
  const { nats, subject, view } = target;
  const last = view.chain.last;
  try {
    // No Nats-Msg-Id: in a cluster of 2.9 each message that is refused as a duplicate makes the replicas count apart, and after a
    // change of the leader they may keep different messages.
    const ack = await nats.jetstream.publish(subject, data, {
      headers: encodeHeaders(head, keys),
      timeout: PUBLISH_TIMEOUT,
      expect: { lastSubjectSequence: last },
    });
    nats.answered();
    // Nothing can stand between two neighbours. In a stream of several partitions only the messages themselves tell.
    if (ack.seq === last + 1) view.apply(ack.seq, head, keys);
    return { kind: "acknowledged", sequence: ack.seq };
  } catch (error) {
    const code = codeOf(error);
    if (code === JetStreamApiCodes.StreamWrongLastSequence) return { kind: "conflict" };
    if (code !== undefined && FULL_CODES.includes(code)) {
      const what = `the log's servers have no room: ${messageOf(error)}`;
      return { kind: "refused", error: new HeadraceError("log_full", what, { cause: error }) };
    }
    if (code !== undefined && TOO_LARGE_CODES.includes(code)) {
      const what = `the log's servers refuse a message of ${data.length} bytes: ${messageOf(error)}`;
      return { kind: "refused", error: new HeadraceError("log_failed", what, { cause: error }) };
    }
    nats.unanswered();
    return { kind: "unclear", error };
  }
}

/** Whether it is certain now what became of the message: it counts, or another one stands in its place. */
async function settledBy(
  target: PublisherTarget,
  watched: { readonly counted: boolean },
  head: MessageHead,
  sent: Sent,
): Promise<boolean> {
  const { view } = target;
  const isSettled = (): boolean => watched.counted || view.chain.tip !== head.prev;
  if (isSettled()) return true;
  if (sent.kind === "acknowledged" && (await view.looksBeyond(sent.sequence - 1)) && isSettled()) return true;
  if (sent.kind === "conflict" && (await view.looksBeyond(view.chain.last)) && isSettled()) return true;
  try {
    const found = await target.catchUp();
    if (!isSettled() && found === 0 && sent.kind !== "unclear") await target.recheck();
  } catch (error) {
    // Servers that don't answer: the next attempt tells. Servers that have no such stream any more: it is made anew.
    if (error instanceof HeadraceError && error.code === "log_failed") await target.recheck().catch(() => {});
  }
  return isSettled();
}

/** After that the message may be there or not: as if this process had ended in between. */
function lostMeanwhile(): HeadraceError {
  return new HeadraceError(
    "log_failed",
    "the log's servers lost what they had stored before; whether they have the batch isn't known",
  );
}

function leftOpen(cause: unknown): HeadraceError {
  return new HeadraceError(
    "log_unreachable",
    `the log was closed before its servers said whether they have the batch: ${messageOf(cause)}`,
    { cause },
  );
}
