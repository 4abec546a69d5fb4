import type { BatchRange } from "../../load/load.ts";
import type { KeyedAnswer, Lines, Log } from "../../log/log.ts";
import { countsJson, type Counts, type IngestError } from "../answer.ts";
import { ANSWER_ERRORS_MAX } from "../limits.ts";
import type { JudgedEvent } from "./judge-each.ts";

/** What became of events of which each counts once, however often and in whichever batches it comes. */
export interface AppendedOnce {
  /** Of all events: one that came before, in this batch or another, counts as it did then, and among the duplicates. */
  readonly counts: Counts;
  /** What this batch added to the log. */
  readonly added: { readonly accepted: number; readonly rejected: number };
  /** Where that lies; undefined when all events came before. */
  readonly range: BatchRange | undefined;
  /** The keys of the events that came before. */
  readonly seen: ReadonlySet<string>;
}

export interface AppendOnceOptions {
  readonly acceptedAt: number;
  /** Called with what all events come to, before anything is written. May throw, and then nothing is. */
  readonly check: (counts: Counts) => void;
}

/**
 * Appends those of the events whose keys the log doesn't hold, all together, durably and with their keys; an event without a key is always
 * appended. The log refuses the whole batch when it holds a key, also one that another request
 * brought in the meantime: then the events that it names are left out, and the rest is tried again.
 */
export async function appendOnce(
  log: Pick<Log, "append">,
  stream: string,
  events: readonly JudgedEvent[],
  { acceptedAt, check }: AppendOnceOptions,
): Promise<AppendedOnce> {
  const before = new Map<string, KeyedAnswer>();
  let fresh = firstOfEachKey(events);
  for (;;) {
    const added = {
      accepted: fresh.filter(({ errors }) => errors === undefined).length,
      rejected: fresh.filter(({ errors }) => errors !== undefined).length,
    };
    const all = countAll(events, before);
    const counts = { ...all, duplicates: all.accepted - added.accepted };
    check(counts);
    const outcome = { counts, seen: new Set(before.keys()) };
    if (fresh.length === 0) return { ...outcome, added, range: undefined };
    const appended = await log.append(stream, { acceptedAt, ...linesOf(fresh), eventKeys: keysOf(fresh) });
    if (appended.kind === "appended") {
      const { partition, position } = appended;
      const range = { partition, position, events: added.accepted, rejected: added.rejected };
      return { ...outcome, added, range };
    }
    for (const [key, answer] of appended.seen ?? []) before.set(key, answer);
    fresh = fresh.filter(({ key }) => key === undefined || !before.has(key));
  }
}

/** Of several events with one key in a batch the first counts. */
function firstOfEachKey(events: readonly JudgedEvent[]): JudgedEvent[] {
  const keys = new Set<string>();
  return events.filter(({ key }) => {
    if (key === undefined) return true;
    const isFirst = !keys.has(key);
    keys.add(key);
    return isFirst;
  });
}

function linesOf(events: readonly JudgedEvent[]): { readonly events: Lines; readonly rejected: Lines } {
  return {
    events: section(events.flatMap(({ errors, line }) => (errors === undefined ? [line] : []))),
    rejected: section(events.flatMap(({ errors, line }) => (errors === undefined ? [] : [line]))),
  };
}

function section(lines: readonly Buffer[]): Lines {
  return {
    count: lines.length,
    // One buffer instead of thousands.
    bytes: lines.length === 0 ? [] : [Buffer.concat(lines)],
  };
}

/** Under each key stands what a request with its event alone would be answered. */
function keysOf(events: readonly JudgedEvent[]): (KeyedAnswer & { readonly key: string })[] {
  return events.flatMap(({ key, errors }) =>
    key === undefined ? [] : [{ key, bodyHash: "", answer: countsJson(countsOf(errors)) }],
  );
}

function countsOf(errors: JudgedEvent["errors"]): Counts {
  return errors === undefined
    ? { accepted: 1, rejected: 0, errors: [] }
    : { accepted: 0, rejected: 1, errors: errors.map((error) => ({ index: 0, ...error })) };
}

/** What all events come to: each as the first of its key did. */
function countAll(events: readonly JudgedEvent[], before: ReadonlyMap<string, KeyedAnswer>): Counts {
  const firsts = new Map<string, Counts>();
  const errors: IngestError[] = [];
  let rejected = 0;
  for (const [index, event] of events.entries()) {
    const counts = countsOfFirst(event, before, firsts);
    rejected += counts.rejected;
    for (const error of counts.errors) {
      if (errors.length < ANSWER_ERRORS_MAX) errors.push({ ...error, index });
    }
  }
  return { accepted: events.length - rejected, rejected, errors };
}

function countsOfFirst(
  { key, errors }: JudgedEvent,
  before: ReadonlyMap<string, KeyedAnswer>,
  firsts: Map<string, Counts>,
): Counts {
  const first = key === undefined ? undefined : firsts.get(key);
  if (first !== undefined) return first;
  const answer = key === undefined ? undefined : before.get(key)?.answer;
  const counts = answer === undefined ? countsOf(errors) : (JSON.parse(answer) as Counts);
  if (key !== undefined) firsts.set(key, counts);
  return counts;
}
