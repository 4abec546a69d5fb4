import { HeadraceError } from "../errors.ts";
import type { BatchRange, Loader } from "../load/load.ts";
import type { Log } from "../log/log.ts";
import type { EventError, EventValidator } from "../project/event-validator.ts";
import type { Store } from "../store/store.ts";
import { SECOND } from "../units.ts";
import { placeOf, readPage } from "./rejected-pages.ts";
import { rejectedId, type RejectedRow } from "./rejected-rows.ts";
import type { RejectedSelection } from "./rejected-selection.ts";
import { decodeReplayCursor, encodeReplayCursor } from "./replay-cursor.ts";
import { encodeReplayMark } from "./replay-mark.ts";

/** Events that one request tries when nothing else is asked for, and at most. */
export const REPLAY_LIMIT_MAX = 100_000;
/** Events that are tried at once: one batch of the log. Fewer when they are large. */
const PAGE_EVENTS = 1_000;
/** Reasons of an answer. */
const ERRORS_MAX = 100;
/** How long the loader may take to catch up, before and after. Milliseconds. */
const SETTLE_TIMEOUT = 30 * SECOND;

export interface ReplayDeps {
  readonly store: Store;
  readonly log: Pick<Log, "append">;
  readonly loader: Pick<Loader, "settled" | "stored">;
  /** Milliseconds since 1970. Default Date.now. */
  readonly clock?: () => number;
}

export interface ReplayOptions {
  readonly stream: string;
  /** Today's. */
  readonly validator: EventValidator;
  readonly selection: RejectedSelection;
  /** Events to try: 1 to REPLAY_LIMIT_MAX, the default. */
  readonly limit?: number;
  /** `next` of the answer before. */
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

export interface Replayed {
  /** Events that pass now, and are in the log again. Duplicates of stored ones are among them. */
  readonly replayed: number;
  /** Events that were tried and stay rejected, those among them that the store refused again. */
  readonly still_rejected: number;
  /** Why, of the first 100. */
  readonly errors: readonly (EventError & { readonly id: string })[];
  /** To go on with when the limit was reached; null when all were tried. */
  readonly next: string | null;
}

/**
 * Validates rejected events again, oldest first, and puts those that pass now back in the log, each exactly once:
 *
 * - A page of events and the marks that say that these are replayed are one batch of the log: both are there, or neither.
 * - Rejected events are read only when the loader has brought all that the log held into the store, so every mark of
 *   earlier replays is there, also of one that a crash cut short. Replays of a stream don't overlap (StreamLocks).
 *
 * Throws `overloaded` when the loader doesn't catch up in time.
 */
export async function replayRejected(deps: ReplayDeps, options: ReplayOptions): Promise<Replayed> {
  const { stream, selection, limit = REPLAY_LIMIT_MAX, signal } = options;
  const clock = deps.clock ?? Date.now;
  let cursor = options.cursor === undefined ? undefined : decodeReplayCursor(options.cursor);
  if (!(await deps.loader.settled(stream, SETTLE_TIMEOUT))) {
    throw new HeadraceError(
      "overloaded",
      `The loader of ${stream} is behind: what was replayed before isn't known`,
      {
        retryAfterSeconds: SETTLE_TIMEOUT / SECOND,
      },
    );
  }
  // What the store refuses again comes later than this, and isn't tried again by the same replay.
  const started = cursor?.started ?? clock() + 1;
  const tally = new Tally();
  let [tried, size] = [0, PAGE_EVENTS];
  for (;;) {
    const wanted = {
      stream,
      selection,
      after: cursor,
      acceptedBefore: started,
      count: Math.min(size, limit - tried),
    };
    // Oldest first: of events with one id the first wins.
    const { rows, count } = await readPage(deps.store, { ...wanted, order: "oldest first" }, signal);
    // Those that follow are probably as large.
    if (count < wanted.count) size = count;
    const last = rows.at(-1);
    if (last !== undefined) cursor = { started, ...placeOf(last) };
    await replayPage(deps, options, rows, { acceptedAt: Math.max(clock(), started), tally });
    tried += rows.length;
    const ended = rows.length < count;
    if (!ended && tried < limit && signal?.aborted !== true) continue;
    await tally.settle(deps.loader, stream);
    return { ...tally.counts(), next: ended || cursor === undefined ? null : encodeReplayCursor(cursor) };
  }
}

/** What came of it so far. */
class Tally {
  #replayed = 0;
  #still = 0;
  readonly #errors: (EventError & { readonly id: string })[] = [];
  readonly #ranges: BatchRange[] = [];

  rejected(id: string, errors: readonly EventError[]): void {
    this.#still += 1;
    for (const error of errors) if (this.#errors.length < ERRORS_MAX) this.#errors.push({ id, ...error });
  }

  appended(range: BatchRange): void {
    this.#replayed += range.events;
    this.#ranges.push(range);
  }

  /** Waits until all is queryable; what the store refuses is rejected again. */
  async settle(loader: ReplayDeps["loader"], stream: string): Promise<void> {
    const deadline = performance.now() + SETTLE_TIMEOUT;
    for (const range of this.#ranges) {
      const counts = await loader.stored(stream, range, Math.max(0, deadline - performance.now()));
      this.#replayed -= counts?.refused ?? 0;
      this.#still += counts?.refused ?? 0;
    }
  }

  counts(): Omit<Replayed, "next"> {
    return { replayed: this.#replayed, still_rejected: this.#still, errors: this.#errors };
  }
}

async function replayPage(
  deps: ReplayDeps,
  { stream, validator }: ReplayOptions,
  rows: readonly RejectedRow[],
  { acceptedAt: time, tally }: { readonly acceptedAt: number; readonly tally: Tally },
): Promise<void> {
  const lines: Buffer[] = [];
  const marks: Buffer[] = [];
  for (const row of rows) {
    const id = rejectedId(row);
    const verdict = judge(validator, row);
    if (!Buffer.isBuffer(verdict)) {
      tally.rejected(id, verdict);
      continue;
    }
    lines.push(verdict, NEWLINE);
    marks.push(encodeReplayMark(stream, id));
  }
  if (marks.length === 0) return;
  const appended = await deps.log.append(stream, {
    acceptedAt: time,
    events: { count: marks.length, bytes: [Buffer.concat(lines)] },
    rejected: { count: marks.length, bytes: [Buffer.concat(marks)] },
  });
  if (appended.kind === "duplicate") throw new RangeError("a batch without a key can't be a duplicate");
  const { partition: place, position } = appended;
  tally.appended({ partition: place, position, events: marks.length, rejected: marks.length });
}

const NEWLINE = Buffer.from("\n");

/** The line to load, without its newline, or why it is still rejected. */
function judge(validator: EventValidator, row: RejectedRow): Buffer | readonly EventError[] {
  const reasons = JSON.parse(row.errors) as readonly EventError[];
  // Only its beginning is kept, which may happen to be an event too.
  if (reasons.some(({ code }) => code === "truncated")) return reasons;
  const raw = Buffer.from(row.event, row.encoding);
  const verdict = validator.validate(raw, 0, raw.length);
  return verdict === true ? raw : verdict;
}
