import { createHash } from "node:crypto";

/** What the streams, subjects and keys of a Headrace stream's log are called in JetStream. */
export interface Names {
  /** The JetStream stream with a subject for each partition. */
  readonly stream: string;
  subject(partition: number): string;
  /** The subject of all partitions. */
  readonly subjects: string;
}

export function namesOf(prefix: string, stream: string): Names {
  return {
    stream: `${prefix}-log-${stream}`,
    subject: (partition) => `${prefix}.log.${stream}.${partition}`,
    subjects: `${prefix}.log.${stream}.*`,
  };
}

/** The JetStream stream that has what is to be remembered beside the events: the last message of each subject counts. */
export const stateStream = (prefix: string): string => `${prefix}-state-log`;
export const stateSubjects = (prefix: string): string => `${prefix}.state.log.>`;
export const stateSubject = (prefix: string, stream: string, key: string): string =>
  `${prefix}.state.log.${stream}.${key}`;

/** The partition that a subject is of. */
export function partitionOf(subject: string): number {
  return Number(subject.slice(subject.lastIndexOf(".") + 1));
}

/**
 * The log id of a partition's first events. All processes come to the same, and one that was deleted and made anew has
 * another.
 */
export function firstLogId(stream: string, partition: number, created: string): string {
  return createHash("sha256").update(`${stream}\n${partition}\n${created}`).digest("hex").slice(0, 32);
}
