import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { HeadraceError, messageOf } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import { SECOND } from "../../units.ts";

/** What makes a message known again when its answer was lost. */
const ID_HEADER = "Headrace-Id";
/** How long one attempt waits for the server's answer, in milliseconds. */
const ATTEMPT_TIMEOUT = 2 * SECOND;
/** Between attempts, in milliseconds. */
const ATTEMPT_PAUSE = 100;

export interface Publication {
  /** The JetStream stream that keeps the subject. */
  readonly stream: string;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** The sequence of the subject's latest message, 0 when there is none: nothing is kept when it is another one. */
  readonly after: number;
  /** Milliseconds until it is given up; the message may be kept all the same, until another one is. */
  readonly patience: number;
}

/**
 * Publishes a message that follows the one that is known to be the latest, and gives its sequence; undefined when another one follows
 * that already. An answer that was lost is found out: the same is sent again, with the same condition, and whether what stands there
 * is this very message. Rejects with `log_unreachable` when that isn't known in time.
 */
export async function publishAfter(nats: Nats, publication: Publication): Promise<number | undefined> {
  const { stream, subject, data, after, patience } = publication;
  const id = randomUUID();
  const deadline = performance.now() + patience;
  for (;;) {
    try {
      const marked = headers();
      for (const [name, value] of Object.entries(publication.headers ?? {})) marked.set(name, value);
      marked.set(ID_HEADER, id);
      const left = Math.max(1, deadline - performance.now());
      const ack = await nats.jetstream.publish(subject, data, {
        headers: marked,
        expect: { lastSubjectSequence: after },
        timeout: Math.min(ATTEMPT_TIMEOUT, left),
      });
      return ack.seq;
    } catch (error) {
      if (isCode(error, JetStreamApiCodes.StreamWrongLastSequence)) {
        const latest = await latestOf(nats, stream, subject, deadline);
        return latest?.id === id ? latest.sequence : undefined;
      }
      if (performance.now() + ATTEMPT_PAUSE > deadline || nats.connection.isClosed()) {
        throw new HeadraceError("log_unreachable", `NATS doesn't answer: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
    await sleep(ATTEMPT_PAUSE);
  }
}

export function isCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

async function latestOf(
  { manager }: Nats,
  stream: string,
  subject: string,
  deadline: number,
): Promise<{ readonly id: string; readonly sequence: number } | undefined> {
  for (;;) {
    try {
      const latest = await manager.streams.getMessage(stream, { last_by_subj: subject });
      return latest === null ? undefined : { id: latest.header.get(ID_HEADER), sequence: latest.seq };
    } catch (error) {
      if (isCode(error, JetStreamApiCodes.NoMessageFound)) return undefined;
      if (performance.now() + ATTEMPT_PAUSE > deadline) {
        throw new HeadraceError("log_unreachable", `NATS doesn't answer: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
    await sleep(ATTEMPT_PAUSE);
  }
}
