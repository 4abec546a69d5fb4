import type { Ended } from "../lineage.ts";
import { ENDED_MAX } from "./limits.ts";
import type { MessageHead } from "./message.ts";

/**
 * Which messages of a partition count. Each names the one before it, and of several that name the same one only the
 * first counts, so that all readers agree on one sequence however many processes wrote at once. The server's own check
 * (`Nats-Expected-Last-Subject-Sequence`) keeps nearly all others out, but can't be relied on: servers of 2.9 in a cluster
 * compare it only before they agree on a message, so that two that are sent at once may both be stored.
 *
 * A message that is named by another one counts, since whoever wrote that had found so. That is where a reader may begin.
 */
export class Chain {
  /** The last sequence number that was looked at. */
  last: number;
  /** The last message that counts: its sequence number and id. 0 and "" when there is none. */
  tip: number;
  tipId: string;
  /** The next offset. */
  end: number;
  /** The log id of the next event. */
  log: string;
  ended: readonly Ended[];
  /** An incomplete run of parts at the tip. */
  run: Run | undefined;

  /** Begins behind a message that counts, or at the very start. */
  constructor(begin: { after: number; tip: number; tipId: string; end: number; log: string }) {
    this.last = begin.after;
    this.tip = begin.tip;
    this.tipId = begin.tipId;
    this.end = begin.end;
    this.log = begin.log;
    this.ended = [];
  }

  /**
   * Looks at the next message of the partition, which is none of the log's when it has no head. Says what it is: a whole
   * group, a part of a run of which more is to come, or nothing that counts.
   */
  apply(sequence: number, head: MessageHead | undefined): Applied {
    if (sequence <= this.last) return { kind: "known" };
    this.last = sequence;
    if (head?.prev !== this.tip || head.after !== this.tipId) return { kind: "ignored" };
    this.tip = sequence;
    this.tipId = head.id;
    const first = this.#firstOfRun(sequence, head);
    if (head.run !== undefined && head.run.part < head.run.parts - 1) {
      this.run = { id: head.run.id, first, parts: head.run.parts, since: performance.now() };
      return { kind: "part" };
    }
    this.run = undefined;
    this.log = head.log;
    this.ended = head.ended ?? [];
    this.end = head.offset + head.count;
    return { kind: "group", first };
  }

  #firstOfRun(sequence: number, { run }: MessageHead): number {
    return run === undefined || run.part === 0 || this.run === undefined ? sequence : this.run.first;
  }
}

export interface Run {
  readonly id: string;
  /** Sequence number of its first part. */
  readonly first: number;
  readonly parts: number;
  /** When its newest part was seen, by `performance.now()`. */
  readonly since: number;
}

export type Applied =
  | { readonly kind: "known" | "ignored" | "part" }
  | {
      readonly kind: "group";
      /** Sequence number of the message with its first bytes: another one than its last when it is a run. */
      readonly first: number;
    };

/** The log ids that ended when one more did. */
export function endedWith(ended: readonly Ended[], last: Ended): readonly Ended[] {
  return [...ended, last].slice(-ENDED_MAX);
}
