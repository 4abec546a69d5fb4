import { randomUUID } from "node:crypto";
import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { Log, Position } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import type { Store, TableRebuild, TableSpec } from "../../store/store.ts";
import { REBUILD_BEHIND_MAX, REBUILD_ROUNDS_MAX, REBUILD_TURN_TIMEOUT } from "../limits.ts";
import type { AfterTurn, Turn, Turns } from "../turns.ts";
import { copyRest, planRest, refusal } from "./copy-rest.ts";
import { TableFiller } from "./fill-table.ts";
import { heldRanges } from "./held-ranges.ts";
import { countMisfits } from "./keep-misfits.ts";
import { loadAgain, planLoadAgain } from "./load-again.ts";
import { checkReplayable } from "./read-group.ts";
import type { BegunRebuild, RebuildOutcome, RebuildPlan, RebuildStatus } from "./rebuilds.ts";
import { endSwitch, switchTables } from "./switch-tables.ts";

export interface StreamRebuildOptions {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
  readonly spec: TableSpec;
  readonly loader: LoaderOfRebuild;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** What a rebuild needs of the loader of the stream. */
export interface LoaderOfRebuild {
  readonly turns: Turns;
  readonly loaded: Position;
  pin(): Promise<Position>;
  unpin(): Promise<void>;
}

/**
 * Makes one stream's table anew while its loader goes on with the old one. The new table follows the loader through the log, and when
 * it is close behind the loader waits for a moment: the last events are filled in and the tables exchanged. Nothing may be erased
 * meanwhile: it would come back.
 */
export class StreamRebuild {
  readonly #options: StreamRebuildOptions;
  #status: RebuildStatus | undefined;
  #stopping = new AbortController();
  #ended: Promise<RebuildStatus> | undefined;

  constructor(options: StreamRebuildOptions) {
    this.#options = options;
  }

  get status(): RebuildStatus | undefined {
    return this.#status;
  }

  async plan(): Promise<RebuildPlan> {
    const { log, store, stream, spec, loader } = this.#options;
    checkReplayable(log);
    const held = await heldRanges(log, stream.name);
    let plan: RebuildPlan | undefined;
    await loader.turns.ask(async (turn) => {
      const rows = await store.erase(stream.name, {}, { dryRun: true });
      if (turn.halted !== undefined) {
        plan = { fromLog: 0, copied: 0, rows, ...(await planLoadAgain(this.#reconciling(turn))) };
        return "gathering";
      }
      const anew = await this.#begin(spec);
      try {
        const older = await anew.countOutside(held);
        const isLost = older > 0 && anew.narrower.length > 0;
        const counts = { fromLog: rows - older, copied: isLost ? 0 : older, lost: isLost ? older : 0 };
        const refused = isLost ? { refused: refusal(stream.name, older, anew.narrower) } : {};
        plan = { ...counts, toLoad: 0, rows, ...refused };
      } finally {
        await anew.abandon();
      }
      return "gathering";
    }, soon());
    if (plan === undefined) throw new RangeError("a turn that ended has made its plan");
    return plan;
  }

  async begin({ allowPartial }: { readonly allowPartial: boolean }): Promise<BegunRebuild> {
    const { log, stream, spec, loader, clock } = this.#options;
    checkReplayable(log);
    const held = await heldRanges(log, stream.name);
    this.#stopping = new AbortController();
    const base = { id: randomUUID(), startedAt: clock(), done: 0, of: 0 };
    let begun: Begun | undefined;
    const begin = async (turn: Turn): Promise<AfterTurn> => {
      if (turn.halted !== undefined) {
        const outcome = await loadAgain(this.#reconciling(turn), allowPartial);
        this.#status = { ...base, state: "done", endedAt: clock(), outcome };
        return "reconciling";
      }
      const anew = await this.#begin(spec);
      try {
        await planRest({ anew, stream, allowPartial }, held);
        begun = { anew, from: await loader.pin(), allowPartial };
      } catch (error) {
        await anew.abandon();
        throw error;
      }
      return "gathering";
    };
    await loader.turns.ask(begin, AbortSignal.any([soon(), this.#stopping.signal]));
    if (begun === undefined) {
      const status = this.#status ?? { ...base, state: "failed" };
      return { status, ended: Promise.resolve(status) };
    }
    this.#status = { ...base, state: "running" };
    this.#ended = this.#run(begun, this.#stopping.signal);
    return { status: this.#status, ended: this.#ended };
  }

  /** Stops the one that runs; see `Rebuilds.cancel`. */
  async cancel(reason = new HeadraceError("rebuild_cancelled", "The rebuild was cancelled")): Promise<void> {
    this.#stopping.abort(reason);
    await this.#ended;
  }

  async #begin(spec: TableSpec): Promise<TableRebuild> {
    const anew = await this.#options.store.beginRebuild(spec);
    if (anew !== undefined) return anew;
    throw new HeadraceError("rebuild_refused", `There is no table ${spec.name} yet: a start makes it`);
  }

  async #run(begun: Begun, signal: AbortSignal): Promise<RebuildStatus> {
    const { clock } = this.#options;
    try {
      const outcome = await this.#rebuild(begun, signal);
      this.#update({ state: "done", outcome, endedAt: clock() });
    } catch (thrown) {
      const error = toHeadraceError(thrown);
      await this.#giveUp(begun);
      const isCancelled = signal.aborted && thrown === signal.reason;
      this.#update(
        isCancelled ? { state: "cancelled", endedAt: clock() } : { state: "failed", error, endedAt: clock() },
      );
    }
    return this.#status ?? { id: "", state: "failed", startedAt: 0, done: 0, of: 0 };
  }

  async #rebuild({ anew, from, allowPartial }: Begun, signal: AbortSignal): Promise<RebuildOutcome> {
    const { log, store, stream, loader } = this.#options;
    const filler = new TableFiller({ log, store, stream, anew, signal }, from);
    const fillTo = (end: Position) =>
      filler.fillTo(end, (next) => {
        this.#update({ done: next.offset - from.offset, of: end.offset - from.offset });
      });
    // Again, since the log drops nothing any more only now.
    const held = await heldRanges(log, stream.name);
    const rest = await copyRest({ anew, stream, allowPartial, signal }, held);
    for (let round = 0; round < REBUILD_ROUNDS_MAX; round++) {
      await fillTo(loader.loaded);
      if (loader.loaded.offset - filler.next.offset <= REBUILD_BEHIND_MAX) break;
    }
    await loader.turns.ask(async ({ ledger, loaded, halted }) => {
      if (halted !== undefined) throw halted;
      await fillTo(loaded);
      signal.throwIfAborted();
      const work = { log, store, stream, ledger };
      await switchTables(work, anew, filler.misfits, signal);
      return endSwitch(work).then(
        async () => loader.unpin().then(() => "gathering" as const),
        // The new table is in place: what is left is done as after a crash.
        () => "reconciling" as const,
      );
    }, signal);
    return { fromLog: filler.rows, ...rest, rejected: countMisfits(filler.misfits), toLoad: 0 };
  }

  /** What isn't in place goes; if that fails too, the next rebuild or start does it. */
  async #giveUp({ anew }: Begun): Promise<void> {
    await anew.abandon().catch(() => {});
    await this.#options.loader.unpin().catch(() => {});
  }

  #update(change: Partial<RebuildStatus>): void {
    if (this.#status !== undefined) this.#status = { ...this.#status, ...change };
  }

  #reconciling({ ledger }: Turn) {
    const { log, store, stream } = this.#options;
    return { log, store, stream, partition: 0, ledger };
  }
}

/** A rebuild that is checked. */
interface Begun {
  readonly anew: TableRebuild;
  /** The log's first position, which it keeps. */
  readonly from: Position;
  readonly allowPartial: boolean;
}

/** Aborts with `overloaded` when the loader doesn't come to it. */
function soon(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(
      new HeadraceError("overloaded", "The loader has not come to it in time: nothing is changed", {
        retryAfterSeconds: 1,
      }),
    );
  }, REBUILD_TURN_TIMEOUT).unref();
  return controller.signal;
}
