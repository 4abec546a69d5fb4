import { HeadraceError } from "../../errors.ts";
import type { Log, Position } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import type { OffsetRange, Store, TableRebuild } from "../../store/store.ts";
import { insertIsolating, refusalReason } from "../isolate.ts";
import { createJudgeAgain, type JudgeAgain, type JudgedAgain } from "../judge-again.ts";
import type { Misfits, RefusedEvent } from "../ledger-state.ts";
import { LOAD_LIMITS, REBUILD_MISFIT_RUNS_MAX } from "../limits.ts";
import { offsetsIn, planRows } from "../rows.ts";
import { extent, sizeOf, spansOf, subtract, union, within, type Spans } from "../spans.ts";
import { rangeOf, readGroup, type Group } from "./read-group.ts";

export interface FillOptions {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
  readonly anew: TableRebuild;
  /** Stops between two groups, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings the events that a stream's table has from the log into its new table, each with its place in the log. What was erased, was
 * a duplicate or has expired isn't in the table and so doesn't come back.
 */
export class TableFiller {
  readonly #options: FillOptions;
  readonly #judgeAgain: JudgeAgain;
  readonly #fits = new Map<string, boolean>();
  readonly #ranges: OffsetRange[] = [];
  readonly #misfits = new Map<string, Misfits>();
  #next: Position;
  #rows = 0;

  /** @param from The log's first position: nothing before the loader's own may be dropped meanwhile. */
  constructor(options: FillOptions, from: Position) {
    this.#options = options;
    this.#next = from;
    this.#judgeAgain = createJudgeAgain(options.stream);
  }

  /** What is next to be read. */
  get next(): Position {
    return this.#next;
  }

  /** What was read. */
  get ranges(): readonly OffsetRange[] {
    return this.#ranges;
  }

  /** Rows of the new table. */
  get rows(): number {
    return this.#rows;
  }

  /** Events that the table has and the new one doesn't take. */
  get misfits(): readonly Misfits[] {
    return [...this.#misfits.values()];
  }

  /** Goes on to this position, before which the loader changes nothing any more. */
  async fillTo(end: Position, progress?: (next: Position) => void): Promise<void> {
    const { log, stream, signal } = this.#options;
    while (this.#next.offset < end.offset) {
      signal?.throwIfAborted();
      const group = await readGroup(log, stream.name, this.#next, end.offset);
      if (group === undefined) return;
      await this.#fill(group);
      const range = rangeOf(group);
      this.#remember(range);
      this.#next = { log: range.log, offset: range.to };
      progress?.(this.#next);
    }
  }

  async #fill(group: Group): Promise<void> {
    const { store, stream, anew } = this.#options;
    const range = rangeOf(group);
    const present = await store.present(stream.name, range);
    const wanted = offsetsIn(group, "events").flatMap((span) => within(present, span));
    if (wanted.length === 0) return;
    const judged = await this.#judged(group);
    const refused: RefusedEvent[] = [];
    const rows = subtract(wanted, spansOf((judged?.refused ?? []).map(({ offset }) => offset)));
    await insertIsolating({
      wanted: rows,
      rowsMax: LOAD_LIMITS.insertRows,
      insert: (offsets) => store.insert(anew.table, planRows(judged?.batches ?? group, "events", offsets)),
      present: (offsets) => store.present(anew.table, { ...range, ...extent(offsets) }),
      refused: async (offset, error) => {
        refused.push({ offset, acceptedAt: acceptedAt(group, offset), reason: refusalReason(error) });
        return [];
      },
      checkpoint: () => this.#options.signal?.throwIfAborted(),
    });
    this.#rows += sizeOf(rows) - refused.length;
    const offsets = refused.map(({ offset }) => offset).sort((a, b) => a - b);
    this.#keep(range.log, union(subtract(wanted, rows), spansOf(offsets)), refused);
  }

  async #judged(group: Group): Promise<JudgedAgain | undefined> {
    const { store, stream, anew } = this.#options;
    const { schema } = group[0];
    if (schema.fingerprint === stream.schema.fingerprint) return undefined;
    const fits = this.#fits.get(schema.fingerprint) ?? (await store.fits(anew.table, schema));
    this.#fits.set(schema.fingerprint, fits);
    return fits ? undefined : this.#judgeAgain(group);
  }

  #keep(log: string, spans: Spans, refused: readonly RefusedEvent[]): void {
    if (spans.length === 0) return;
    const before = this.#misfits.get(log);
    this.#misfits.set(log, {
      log,
      spans: [...(before?.spans ?? []), ...spans],
      refused: [...(before?.refused ?? []), ...refused],
    });
    const runs = this.misfits.reduce((sum, one) => sum + one.spans.length, 0);
    if (runs <= REBUILD_MISFIT_RUNS_MAX) return;
    throw new HeadraceError(
      "rebuild_refused",
      `${this.#options.stream.name}: more than ${REBUILD_MISFIT_RUNS_MAX} runs of events don't fit the declaration, too many to keep as rejected`,
    );
  }

  #remember(range: OffsetRange): void {
    const last = this.#ranges.at(-1);
    if (last?.log === range.log && last.to === range.from) this.#ranges.pop();
    else return void this.#ranges.push(range);
    this.#ranges.push({ ...last, to: range.to });
  }
}

function acceptedAt(group: Group, offset: number): number {
  return group.findLast((batch) => batch.offset <= offset)?.acceptedAt ?? 0;
}
