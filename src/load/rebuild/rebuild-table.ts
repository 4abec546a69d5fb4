import { HeadraceError } from "../../errors.ts";
import type { Log } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import type { Store, TableRebuild, TableSpec } from "../../store/store.ts";
import { ledgerFile, ledgerPath } from "../ledger-file.ts";
import { openLedger, type Ledger } from "../ledger.ts";
import { LOADER_SUBSCRIPTION } from "../load.ts";
import { missingRows, reconcile } from "../reconcile.ts";
import { copyRest } from "./copy-rest.ts";
import { TableFiller } from "./fill-table.ts";
import { countMisfits } from "./keep-misfits.ts";
import { loadAgain } from "./load-again.ts";
import { checkReplayable } from "./read-group.ts";
import type { RebuildOutcome } from "./rebuilds.ts";
import { endSwitch, pinLog, switchTables } from "./switch-tables.ts";

export interface RebuildOptions {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
  readonly spec: TableSpec;
  /** Of the ledgers. No loader of the stream may be running. */
  readonly folder: string;
  /** Go on without the rows that are older than the log and don't fit. */
  readonly allowPartial: boolean;
  /** Stops as long as the tables aren't exchanged, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called now and then with how many offsets of the log are done, of how many. */
  progress?(done: number, of: number): void;
}

/**
 * Makes a stream's table anew under its declaration while no server runs: an empty table beside the old one is filled and takes its
 * place at once. Cut short at any point, it can be run again, and the next start ends what was begun.
 * @throws HeadraceError `rebuild_refused` when rows would be lost, with nothing changed.
 */
export async function rebuildTable(options: RebuildOptions): Promise<RebuildOutcome> {
  const { log, store, stream, spec, folder } = options;
  checkReplayable(log);
  const path = ledgerPath(folder, stream.name, 0);
  const ledger = await openLedger(ledgerFile(path), path);
  try {
    const work = { log, store, stream, partition: 0, ledger };
    await endSwitch(work);
    const { storeId } = ledger.state ?? {};
    const isOther = storeId !== undefined && storeId !== store.capabilities.storeId;
    if (isOther || (await missingRows(work)) > 0) return await loadAgain(work, options.allowPartial);
    const anew = await store.beginRebuild(spec);
    if (anew === undefined) {
      throw new HeadraceError("rebuild_refused", `There is no table ${stream.name} yet: a start makes it`);
    }
    try {
      if (ledger.state === undefined) await reconcile(work);
      return await rebuild(options, ledger, anew);
    } catch (error) {
      await anew.abandon();
      // What was pinned for the reading; a crash leaves that to the next start.
      const { loaded } = ledger.state ?? {};
      if (loaded !== undefined && ledger.state?.switching === undefined) {
        await log.commit(stream.name, 0, LOADER_SUBSCRIPTION, loaded);
      }
      throw error;
    }
  } finally {
    await ledger.close();
  }
}

async function rebuild(options: RebuildOptions, ledger: Ledger, anew: TableRebuild): Promise<RebuildOutcome> {
  const { log, stream, signal, allowPartial } = options;
  const first = await pinLog(options);
  const filler = new TableFiller({ ...options, anew }, first);
  const { end } = log.status(stream.name, 0);
  await filler.fillTo(end, (next) => {
    options.progress?.(next.offset - first.offset, end.offset - first.offset);
  });
  const rest = await copyRest({ anew, stream, allowPartial, signal }, filler.ranges);
  const { misfits } = filler;
  await switchTables({ ...options, ledger }, anew, misfits, signal);
  await endSwitch({ ...options, ledger });
  return { fromLog: filler.rows, ...rest, rejected: countMisfits(misfits), toLoad: 0 };
}
