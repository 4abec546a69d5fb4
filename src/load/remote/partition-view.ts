import type { Log } from "../../log/log.ts";
import { SECOND } from "../../units.ts";
import { pause } from "../backoff.ts";
import type { LedgerState } from "../ledger-state.ts";
import type { Ledgers } from "../ledgers.ts";
import type { HolderNote, Leases, PartitionName } from "../leases.ts";
import { SETTLED_INTERVAL } from "../limits.ts";
import type { LoadStatus } from "../load.ts";
import { Outcomes } from "../outcomes.ts";
import { olderLog } from "../reconcile.ts";

/** How long this process's view of the log may be behind the ledger until the log counts as an older one, in milliseconds. */
export const LOG_PATIENCE = 5 * SECOND;

export interface PartitionViewOptions extends PartitionName {
  readonly log: Log;
  readonly ledgers: Ledgers;
  readonly leases: Pick<Leases, "holder">;
  /** Rows may have become visible or gone away. */
  readonly changed: () => void;
}

/** What is known of a partition in any process, by following its ledger and lease. */
export class PartitionView {
  readonly outcomes = new Outcomes();
  readonly stream: string;
  readonly partition: number;
  readonly #options: PartitionViewOptions;
  #state: LedgerState | undefined;
  /** Since when, on the steady clock, the log ends before what was loaded. */
  #olderSince: number | undefined;
  readonly #ending = new AbortController();

  constructor(options: PartitionViewOptions) {
    this.stream = options.stream;
    this.partition = options.partition;
    this.#options = options;
    options.ledgers.follow(options, (state) => this.#follow(state));
  }

  /** Whether the ledger has this erasure. */
  hasErasure(id: string): boolean {
    return this.#state?.erasures?.some((erasure) => erasure.id === id) ?? false;
  }

  status(): LoadStatus {
    const { log, leases, stream, partition } = this.#options;
    const { first, end } = log.status(stream, partition);
    const loaded = this.#state?.loaded ?? first;
    const note = leases.holder(this.#options)?.note ?? nobody(this.#options);
    const lagEvents = Math.max(0, end.offset - loaded.offset);
    const closed = this.#closed();
    return {
      state: note.state,
      ...(note.reason === undefined ? {} : { reason: note.reason }),
      lagEvents,
      lagAge: lagEvents === 0 ? 0 : note.lagAge,
      loaded,
      ...(closed === undefined ? {} : { closed }),
    };
  }

  /** See `Loader.settled`. */
  async settled(timeout: number): Promise<boolean> {
    const { log, stream, partition } = this.#options;
    const { end } = log.status(stream, partition);
    const deadline = performance.now() + timeout;
    const { signal } = this.#ending;
    while ((this.#state?.loaded.offset ?? 0) < end.offset) {
      if (signal.aborted || this.#closed() !== undefined || performance.now() >= deadline) return false;
      await pause(SETTLED_INTERVAL, signal);
    }
    return this.#closed() === undefined;
  }

  end(): void {
    this.#ending.abort();
    this.outcomes.end();
  }

  #closed(): string | undefined {
    const { log, stream, partition } = this.#options;
    const older = olderLog(stream, this.#state, log.status(stream, partition).end);
    if (older === undefined) {
      this.#olderSince = undefined;
      return undefined;
    }
    // The ledger may be followed faster than the log.
    this.#olderSince ??= performance.now();
    return performance.now() - this.#olderSince < LOG_PATIENCE ? undefined : older;
  }

  #follow(state: LedgerState | undefined): void {
    const before = this.#state;
    this.#state = state;
    if (state === undefined) return;
    const { plan } = before ?? {};
    const isDone =
      plan !== undefined &&
      state.plan === undefined &&
      state.loaded.log === plan.log &&
      state.loaded.offset === plan.to;
    if (isDone) this.outcomes.done(plan);
    else if (before?.loaded.log !== state.loaded.log || before.loaded.offset !== state.loaded.offset)
      this.outcomes.begin(state.loaded);
    this.#options.changed();
  }
}

/** What is sent meanwhile is kept, and will be loaded. */
function nobody({ stream, partition }: PartitionName): HolderNote {
  return {
    state: "retrying",
    reason: `no process loads partition ${partition} of ${stream} just now`,
    lagAge: 0,
  };
}
