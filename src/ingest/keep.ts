import type { BatchRange, Loader, StoredCounts } from "../load/load.ts";
import type { KeyedAnswer, Log } from "../log/log.ts";
import { countsJson, countsOfFirst, eventsRejected, type Counts } from "./answer.ts";
import { appendOnce } from "./cloudevents/append-once.ts";
import { judgeEach } from "./cloudevents/judge-each.ts";
import { hashRequest, KeyedRanges, scopedKey } from "./idempotency.ts";
import { judge, type Judging } from "./judge.ts";
import { isCloudEvents, type RequestHead } from "./request-head.ts";
import { waitUntilStored } from "./stored-wait.ts";
import type { WorkSlice } from "./work-slices.ts";

/** A request whose body is there. */
export interface Received {
  /** Who sends: each caller has keys of their own. */
  readonly caller: string;
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly judging: Judging;
  readonly slice: WorkSlice;
}

/** What became of a request that was understood. */
export interface Outcome {
  readonly counts: Counts;
  /** Whether all of it was kept before: an earlier request had the same key, or the same CloudEvents. */
  readonly replayed: boolean;
  /** What this request added to the log. */
  readonly added: { readonly accepted: number; readonly rejected: number };
  /** Where the batch lies; undefined when nothing was added, or when that is too long ago to know. */
  readonly range: BatchRange | undefined;
  /** Where those CloudEvents lie that came before; undefined for what is too long ago to know. */
  readonly earlier?: readonly (BatchRange | undefined)[];
}

interface KeeperDeps {
  readonly log: Pick<Log, "append" | "recall">;
  readonly loader: Pick<Loader, "stored">;
  /** Aborted when the server stops. */
  readonly draining: AbortSignal;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

const NOTHING = { accepted: 0, rejected: 0 };
const NOTHING_STORED: StoredCounts = { stored: 0, duplicates: 0, refused: 0 };

/** Judges what was received and keeps it in the log, once. */
export class Keeper {
  readonly #deps: KeeperDeps;
  readonly #ranges = new KeyedRanges();
  /** Apart from the others, which a few batches of CloudEvents would push out. */
  readonly #eventRanges = new KeyedRanges();

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  /** When it resolves, what was received is durable. An Idempotency-Key goes before the CloudEvents' own identity. */
  keep(received: Received): Promise<Outcome> {
    const { head } = received;
    return isCloudEvents(head) && head.key === undefined
      ? this.#keepEachOnce(received)
      : this.#keepBatch(received);
  }

  /** What the loader made of the events, when it says so in time. */
  async stored(stream: string, { counts, range, earlier }: Outcome): Promise<StoredCounts | undefined> {
    if (counts.accepted === 0) return NOTHING_STORED;
    if (earlier === undefined) return await this.#storedOf(stream, range);
    const own = range === undefined ? NOTHING_STORED : await this.#storedOf(stream, range);
    // The batches that brought events before held others too: of these only that they are stored matters here.
    const before = await Promise.all(earlier.map((one) => this.#storedOf(stream, one)));
    if (own === undefined || before.includes(undefined)) return undefined;
    return { ...own, duplicates: own.duplicates + (counts.duplicates ?? 0) };
  }

  async #storedOf(stream: string, range: BatchRange | undefined): Promise<StoredCounts | undefined> {
    if (range === undefined) return undefined;
    return await waitUntilStored(this.#deps.loader, stream, range, this.#deps.draining);
  }

  /** Keeps the batch as a whole, once for its key if it has one. */
  async #keepBatch({ caller, head, body, judging, slice }: Received): Promise<Outcome> {
    const { log, clock } = this.#deps;
    const { stream } = judging;
    // Before the events are judged, which writes to the body.
    const key = head.key === undefined ? undefined : scopedKey(caller, head.key);
    const bodyHash = key === undefined ? "" : await hashRequest(head, body, slice);
    const first = key === undefined ? undefined : await log.recall(stream, key);
    if (first !== undefined) return this.#replay(stream, key, first, bodyHash);

    const { events, rejected, errors } = await judge(body, judging, slice);
    const counts = { accepted: events.count, rejected: rejected.count, errors };
    refuseInvalid(head, counts);
    if (counts.accepted + counts.rejected === 0) {
      return { counts, replayed: false, added: NOTHING, range: undefined };
    }
    const appended = await log.append(stream, {
      acceptedAt: clock(),
      events,
      rejected,
      ...(key === undefined ? {} : { key: { key, bodyHash, answer: countsJson(counts) } }),
    });
    if (appended.kind === "duplicate") return this.#replay(stream, key, appended.first, bodyHash);
    const { partition, position } = appended;
    const range = { partition, position, events: counts.accepted, rejected: counts.rejected };
    if (key !== undefined) this.#ranges.remember(stream, key, range);
    return { counts, replayed: false, added: counts, range };
  }

  #replay(stream: string, key: string | undefined, first: KeyedAnswer, bodyHash: string): Outcome {
    const range = key === undefined ? undefined : this.#ranges.find(stream, key);
    return { counts: countsOfFirst(first, bodyHash), replayed: true, added: NOTHING, range };
  }

  /** Keeps those of the events that didn't come before, by the keys that they have themselves. */
  async #keepEachOnce({ caller, head, body, judging, slice }: Received): Promise<Outcome> {
    const { log, clock } = this.#deps;
    const { stream } = judging;
    const judged = await judgeEach(body, judging, slice);
    const events = judged.map((event) => ({
      ...event,
      key: event.key === undefined ? undefined : scopedKey(caller, event.key),
    }));
    const { counts, added, range, seen } = await appendOnce(log, stream, events, {
      acceptedAt: clock(),
      check: (all) => refuseInvalid(head, all),
    });
    const earlier = new Set([...seen].map((key) => this.#eventRanges.find(stream, key)));
    for (const { key } of events) {
      if (range === undefined || key === undefined || seen.has(key)) continue;
      this.#eventRanges.remember(stream, key, range);
    }
    const replayed = seen.size > 0 && range === undefined;
    return { counts, replayed, added, range, earlier: [...earlier] };
  }
}

/** With `on_invalid=fail` one bad event refuses all, before anything is kept. */
function refuseInvalid({ onInvalid }: RequestHead, counts: Counts): void {
  if (onInvalid === "fail" && counts.rejected > 0) throw eventsRejected(counts, { kept: false });
}
