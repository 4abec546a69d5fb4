import type { HeadraceError } from "../errors.ts";
import type { Log, LogBatch, Position } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { Store } from "../store/store.ts";
import { dueErasures, eraseOne, openErasures, takeRequests } from "./erase.ts";
import type { EraseRequests } from "./erase-requests.ts";
import { countRows } from "./count-rows.ts";
import { gather } from "./gather.ts";
import { StreamIds } from "./ids/stream-ids.ts";
import { insertPlan, openPlan } from "./insert-plan.ts";
import { createJudgeAgain, type JudgeAgain, type JudgedAgain } from "./judge-again.ts";
import { openLedger, type Ledger } from "./ledger.ts";
import { ledgerPath, type LedgerFile } from "./ledger-file.ts";
import { withoutCounts, type LedgerState, type OpenPlan } from "./ledger-state.ts";
import type { LoadLimits } from "./limits.ts";
import { LOADER_SUBSCRIPTION, type LoadObserver } from "./load.ts";
import type { ActiveState, InsertingState } from "./load-state.ts";
import type { Outcomes } from "./outcomes.ts";
import { ReadAhead, type Gathered, type GatherFlow } from "./read-ahead.ts";
import { batchesOf, canCount, olderLog, reconcile } from "./reconcile.ts";
import { endOf, offsetsIn, sectionOf } from "./rows.ts";
import { endSwitch, pinLog } from "./rebuild/switch-tables.ts";
import { sizeOf, sizeWithin, spansOf, type Spans } from "./spans.ts";
import type { Turns } from "./turns.ts";

export interface LoadStepsOptions {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
  readonly partition: number;
  /** Of ledgers; it must be there. */
  readonly folder: string;
  readonly ledgerFile: (path: string) => LedgerFile;
  readonly limits: LoadLimits;
  readonly observer: LoadObserver;
  readonly outcomes: Outcomes;
  readonly erasures: EraseRequests;
  readonly turns: Turns;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** The time that has surely come, milliseconds since 1970: see `GuardedClock`. */
  readonly sure: () => number;
  readonly signal: AbortSignal;
  /** Rows of the stream's table may have become visible. */
  readonly visible: () => void;
  /** Called before anything is reconciled, with what the ledger says: for what another process may have loaded until now. */
  readonly takeOver?: (state: LedgerState | undefined) => Promise<void>;
}

/** The work of each state of a partition's loader. Each step can be tried again after it failed. */
export class LoadSteps {
  readonly #options: LoadStepsOptions;
  readonly #name: string;
  #ledger: Ledger | undefined;
  readonly #ids: StreamIds;
  /** What the log held at start may be in the store already: up to this offset the store is asked first. */
  #askUntil = 0;
  /** Whether the table takes an earlier schema as it is, by its fingerprint. */
  readonly #fits = new Map<string, boolean>();
  #judgeAgain: JudgeAgain | undefined;
  readonly #ahead = new ReadAhead((from, flow) => this.#gatherFrom(from, flow));
  #loaded: Position;
  /** When the oldest event that isn't loaded was accepted, and the oldest behind the open plan; as far as they were read. */
  #oldest: number | undefined;
  #oldestAhead: number | undefined;
  /** What somebody still reads in the log: its cursor stays there meanwhile. */
  #pinned: Position | undefined;

  constructor(options: LoadStepsOptions) {
    this.#options = options;
    this.#name = options.stream.name;
    this.#ids = new StreamIds({ ...options, idsMax: options.limits.ids });
    // Until it is known: nothing waits.
    this.#loaded = options.log.status(this.#name, options.partition).end;
  }

  /** Everything before it is in the store. */
  get loaded(): Position {
    return this.#loaded;
  }

  /** How long ago the oldest event that isn't loaded was accepted, as far as that was read; else 0. Milliseconds. */
  get lagAge(): number {
    return this.#oldest === undefined ? 0 : this.#ageOf(this.#oldest, this.#loaded.offset);
  }

  /** Reads the ledger, so that `olderLog` can tell before anything is appended. */
  async examine(): Promise<void> {
    await this.#openLedger();
  }

  /** What is wrong when the log, with this end, ends before what was loaded: new events would get the offsets of stored ones. */
  olderLog(end: Position): string | undefined {
    return olderLog(this.#name, this.#ledger?.state, end);
  }

  async reconcile(): Promise<ActiveState> {
    const { log, store, stream, partition, takeOver } = this.#options;
    if (takeOver !== undefined) await takeOver((await this.#openLedger()).state);
    // As far as is known without asking anyone: so the lag is right even if reconciling can't be done.
    await this.#begin(await log.cursor(this.#name, partition, LOADER_SUBSCRIPTION));
    const ledger = await this.#openLedger();
    const work = { log, store, stream, partition, ledger };
    this.#pinned = undefined;
    this.#ahead.drop();
    this.#fits.clear();
    // What a reset takes needn't be there any more.
    for (const reset of openErasures(ledger.state).filter((one) => one.reset)) {
      await eraseOne({ ...this.#options, stream: this.#name, ledger }, reset);
    }
    await endSwitch(work);
    const { loaded, plan } = await reconcile(work);
    // Another process may have planned what this one's view of the log doesn't have yet.
    this.#askUntil = Math.max(log.status(this.#name, partition).end.offset, plan?.to ?? 0);
    await this.#begin(loaded);
    await this.#ids.fill(this.#oldest);
    const batches = plan === undefined ? [] : await batchesOf(work, plan);
    if (batches.length === 0) return { kind: "gathering" };
    return { kind: "inserting", batches, ids: await this.#ids.of(batches), askFirst: true };
  }

  async gather(): Promise<ActiveState | undefined> {
    const { erasures, turns } = this.#options;
    const mustErase = erasures.areWaiting || dueErasures(this.#ledger?.state, this.#loaded).length > 0;
    const mayYield = openErasures(this.#ledger?.state).length === 0;
    const mustYield = mayYield && turns.areWaiting;
    if (mustErase || mustYield) {
      this.#ahead.drop();
      return { kind: mustErase ? "erasing" : "yielding" };
    }
    await this.#countRows();
    const bells = [erasures.asked, ...(mayYield ? [turns.asked] : [])];
    const signal = AbortSignal.any([this.#options.signal, ...bells]);
    const gathered = await this.#ahead.take(this.#loaded, signal);
    if (gathered.batches.length > 0) return { kind: "planning", ...gathered };
    return this.#options.signal.aborted ? undefined : { kind: "gathering" };
  }

  async #gatherFrom(from: Position, flow: GatherFlow): Promise<Gathered> {
    const { log, stream, partition, limits, clock } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, flow.signal]);
    const began = ({ acceptedAt }: LogBatch) => {
      if (from.offset === this.#loaded.offset) this.#oldest = acceptedAt;
      else this.#oldestAhead = acceptedAt;
    };
    const { freshness } = stream;
    const work = { log, stream: this.#name, partition, freshness, limits, clock, ...flow, signal, began };
    const batches = await gather(work, from);
    return { batches, ids: await this.#ids.of(batches) };
  }

  /** Lets others work on the stream's tables. */
  async yield(): Promise<ActiveState> {
    const { turns, visible } = this.#options;
    const ledger = await this.#openLedger();
    const kind = await turns.run({ ledger, loaded: this.#loaded });
    this.#fits.clear();
    visible();
    return { kind };
  }

  /**
   * When the store isn't the one that was loaded, only who starts again from nothing, or from what the log holds, helps: a reset, or
   * work that says to reconcile. Undefined when nobody does.
   */
  async mend(halted: HeadraceError): Promise<ActiveState | undefined> {
    const { erasures, turns } = this.#options;
    const ledger = await this.#openLedger();
    erasures.refuse(({ what }) => what.kind !== "all", halted);
    if (erasures.areWaiting) {
      await takeRequests({ ...this.#options, stream: this.#name, ledger });
      return { kind: "reconciling" };
    }
    if (!turns.areWaiting) return undefined;
    const kind = await turns.run({ ledger, loaded: this.#loaded, halted });
    return kind === "reconciling" ? { kind } : undefined;
  }

  /** Keeps the log from dropping anything that it holds, until `unpin`. Gives its first position. */
  async pin(): Promise<Position> {
    const { log, store, stream } = this.#options;
    this.#pinned = log.status(this.#name, 0).first;
    this.#pinned = await pinLog({ log, store, stream });
    return this.#pinned;
  }

  async unpin(): Promise<void> {
    if (this.#pinned === undefined) return;
    const { log, partition } = this.#options;
    this.#pinned = undefined;
    await log.commit(this.#name, partition, LOADER_SUBSCRIPTION, this.#loaded);
  }

  /** Between two plans, so that what is erased isn't taken for what an insert lacks. */
  async erase(): Promise<ActiveState> {
    const { log, partition } = this.#options;
    const ledger = await this.#openLedger();
    const work = { ...this.#options, stream: this.#name, ledger };
    await takeRequests(work);
    for (const erasure of dueErasures(ledger.state, this.#loaded)) {
      await eraseOne(work, erasure);
      const { origin } = ledger.state ?? {};
      if (erasure.reset !== true || origin === undefined) continue;
      await log.commit(this.#name, partition, LOADER_SUBSCRIPTION, ledger.state?.loaded ?? origin);
      await this.#begin(ledger.state?.loaded ?? origin);
    }
    return { kind: "gathering" };
  }

  /** Decides on duplicates and writes the plan in the ledger: what is decided stays so, whatever happens next. */
  async plan({ batches, ids }: Gathered): Promise<ActiveState> {
    const ledger = await this.#openLedger();
    const [first, last] = [batches[0], batches.at(-1)];
    if (first === undefined || last === undefined) return { kind: "gathering" };
    const duplicates = await this.#ids.duplicates(first.log, ids, ledger.state?.refused ?? []);
    const [from, to] = [first.offset, endOf(last)];
    await ledger.record({ kind: "plan", log: first.log, from, to, duplicates: spansOf(duplicates) });
    return { kind: "inserting", batches, ids, askFirst: from < this.#askUntil };
  }

  async insert(state: InsertingState): Promise<ActiveState> {
    const { store, limits, observer, signal, visible } = this.#options;
    const ledger = await this.#openLedger();
    const { log, to } = openPlan(ledger);
    this.#ahead.begin({ log, offset: to });
    const inserted = await insertPlan({
      store,
      stream: this.#name,
      ledger,
      batches: state.batches,
      judged: await this.#judgeMisfits(state.batches),
      ids: state.ids,
      askFirst: state.askFirst,
      rowsMax: limits.insertRows,
      visible,
      inserted: (batch, duration) =>
        observer.inserted?.(this.#name, batch.count, sumOfBytes(batch.lines), duration),
      checkpoint: () => signal.throwIfAborted(),
    });
    this.#tell(openPlan(ledger), state.batches, inserted);
    await this.#ids.remember(state.ids, state.batches.at(-1)?.acceptedAt ?? 0);
    return { kind: "committing", batches: state.batches };
  }

  /** The ledger first: the log may drop what is before its cursor. */
  async commit(batches: readonly LogBatch[]): Promise<ActiveState> {
    const { log, partition } = this.#options;
    const ledger = await this.#openLedger();
    const plan = ledger.state?.plan;
    if (plan !== undefined) {
      const events = sizeOf(offsetsIn(batches, "events"));
      const stored = events - sizeOf(plan.duplicates) - plan.refused.length;
      await ledger.record({ kind: "loaded", stored });
    }
    await log.commit(this.#name, partition, LOADER_SUBSCRIPTION, this.#pinned ?? this.#loaded);
    await this.#ids.forget();
    return { kind: "gathering" };
  }

  /** Counts the table's rows when the ledger doesn't know them, once nothing is in it that isn't loaded by the ledger too. */
  async #countRows(): Promise<void> {
    const { store, log, stream } = this.#options;
    const ledger = await this.#openLedger();
    const { state } = ledger;
    if (state === undefined || state.plan !== undefined) return;
    const { rows, erasures = [] } = state;
    if (!canCount({ log, stream })) {
      if (rows !== undefined) await ledger.record({ kind: "state", state: withoutCounts(state) });
      return;
    }
    const isQuiet = erasures.every(({ done }) => done) && this.#loaded.offset >= this.#askUntil;
    if (rows !== undefined || !isQuiet) return;
    await ledger.record({ kind: "counted", rows: await countRows(store, this.#name) });
  }

  async close(): Promise<void> {
    this.#ahead.drop();
    await this.#ledger?.close();
  }

  async #begin(loaded: Position): Promise<void> {
    const { log, partition, outcomes } = this.#options;
    const [oldest] = await log.read(this.#name, partition, loaded, { bytes: 1, events: 1 });
    this.#loaded = loaded;
    this.#oldest = oldest?.acceptedAt;
    this.#oldestAhead = undefined;
    outcomes.begin(loaded);
  }

  /** The plan's rows are queryable: tells everyone who is concerned. */
  #tell(plan: OpenPlan, batches: readonly LogBatch[], inserted: Spans): void {
    const { observer, outcomes } = this.#options;
    this.#loaded = { log: plan.log, offset: plan.to };
    this.#oldest = this.#oldestAhead;
    this.#oldestAhead = undefined;
    outcomes.done(plan);
    const duplicates = sizeOf(plan.duplicates);
    if (duplicates > 0) observer.duplicates?.(this.#name, duplicates);
    if (plan.refused.length > 0) observer.refused?.(this.#name, plan.refused.length);
    for (const [acceptedAt, count] of countsByTime(batches, inserted)) {
      observer.fresh?.(this.#name, this.#ageOf(acceptedAt, plan.from), count);
    }
  }

  /** How long ago an event was accepted: of one that came in this process's life, whatever the clock did meanwhile. */
  #ageOf(acceptedAt: number, offset: number): number {
    const { clock, sure } = this.#options;
    const age = Math.max(0, clock() - acceptedAt);
    const sureAge = sure() - acceptedAt;
    return offset < this.#askUntil || sureAge < 0 ? age : Math.min(age, sureAge);
  }

  async #openLedger(): Promise<Ledger> {
    if (this.#ledger === undefined) {
      const { folder, partition, ledgerFile } = this.#options;
      const path = ledgerPath(folder, this.#name, partition);
      this.#ledger = await openLedger(ledgerFile(path), path);
    }
    return this.#ledger;
  }

  /** Events of an earlier schema that the table doesn't take as they are, judged by today's. */
  async #judgeMisfits(batches: readonly LogBatch[]): Promise<JudgedAgain | undefined> {
    const { store, stream } = this.#options;
    const schema = batches[0]?.schema;
    if (schema === undefined || schema.fingerprint === stream.schema.fingerprint) return undefined;
    const fits = this.#fits.get(schema.fingerprint) ?? (await store.fits(this.#name, schema));
    this.#fits.set(schema.fingerprint, fits);
    if (fits) return undefined;
    this.#judgeAgain ??= createJudgeAgain(stream);
    return this.#judgeAgain(batches);
  }
}

function sumOfBytes(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}

/** How many of the offsets were accepted when. */
function countsByTime(batches: readonly LogBatch[], offsets: Spans): Map<number, number> {
  const counts = new Map<number, number>();
  for (const batch of batches) {
    const count = sizeWithin(offsets, sectionOf(batch, "events"));
    if (count > 0) counts.set(batch.acceptedAt, (counts.get(batch.acceptedAt) ?? 0) + count);
  }
  return counts;
}
