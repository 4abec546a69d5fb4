import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openClockFile } from "./clock-file.ts";
import type { Config } from "./config.ts";
import { lockDataFolder } from "./data-folder.ts";
import { GuardedClock } from "./guarded-clock.ts";
import { HeadraceError } from "./errors.ts";
import { rebuildTable } from "./load/rebuild/rebuild-table.ts";
import type { RebuildOutcome } from "./load/rebuild/rebuilds.ts";
import { logFolder, openLog } from "./log/open-log.ts";
import type { Project, Stream } from "./project/declarations.ts";
import { salvageData, type FolderSalvage } from "./compose-salvage.ts";
import { rejectedTable } from "./rejected/rejected-table.ts";
import { openStore } from "./store/open-store.ts";
import type { MigrationPlan, Store } from "./store/store.ts";
import { tableSpec } from "./store/table-spec.ts";

/** What works on a data folder whose server is stopped: it takes the folder's lock. */

/** What a start would do with the tables of a data folder. Changes nothing. */
export async function planStart(project: Project, config: Config): Promise<MigrationPlan> {
  // Nothing is made where nothing is.
  if (!(await hasTables(config))) {
    return { changes: project.streams.map(({ name }) => `${name}: create the table`), refused: [] };
  }
  return withStore(config, (store) =>
    store.migrate([...project.streams.map(tableSpec), rejectedTable], { dryRun: true }),
  );
}

export interface RebuildInput {
  readonly stream: Stream;
  readonly config: Config;
  readonly allowPartial: boolean;
  /** Stops as long as the tables aren't exchanged. */
  readonly signal?: AbortSignal;
  progress?(done: number, of: number): void;
}

/** Makes a stream's table anew; see `rebuildTable`. */
export async function rebuildStream(input: RebuildInput): Promise<RebuildOutcome> {
  const { stream, config, ...rest } = input;
  if (!(await hasTables(config))) {
    throw new HeadraceError(
      "rebuild_refused",
      `${config.dataFolder} holds no tables yet: a start makes them`,
    );
  }
  return withStore(config, async (store, folder) => {
    await store.migrate([rejectedTable], { dryRun: false });
    await using opened = new AsyncDisposableStack();
    const clock = new GuardedClock();
    const clockFile = await openClockFile(folder, clock);
    opened.defer(() => clockFile.close());
    const log = await openLog(config.logUrl, {
      folder: join(folder, "log"),
      streams: [stream],
      segmentBytes: config.logSegmentSize,
      retention: { age: config.logRetentionAge, bytes: config.logRetentionSize },
      keys: { window: config.keyWindow, count: config.keysMax },
      clock: clock.sure,
      observer: { opened: (newest) => clock.startedAfter(clockFile.noted ?? newest) },
    });
    opened.defer(() => log.close());
    const spec = tableSpec(stream);
    return await rebuildTable({ ...rest, log, store, stream, spec, folder: join(folder, "ledger") });
  });
}

/** Examines and salvages the logs and ledgers of a data folder; see docs/LOG-FORMAT.md. Sound ones are left alone. */
export async function salvageFolder(project: Project, config: Config): Promise<FolderSalvage> {
  if (!(await exists(config.dataFolder))) {
    throw new HeadraceError("data_folder_unusable", `there is no ${config.dataFolder}`);
  }
  const folder = await lockDataFolder(config.dataFolder);
  try {
    return await salvageData({
      logs: logFolder(config.logUrl, join(folder.path, "log")),
      ledgers: join(folder.path, "ledger"),
      streams: project.streams,
      now: new Date(),
    });
  } finally {
    await folder.release();
  }
}

async function withStore<Value>(
  config: Config,
  work: (store: Store, folder: string) => Promise<Value>,
): Promise<Value> {
  const folder = await lockDataFolder(config.dataFolder);
  try {
    const store = await openStore(config.storeUrl, {
      folder: join(folder.path, "store"),
      memory: config.storeMemory,
      readers: 1,
    });
    try {
      return await work(store, folder.path);
    } finally {
      await store.close();
    }
  } finally {
    await folder.release();
  }
}

/** A store on a server is asked itself. */
async function hasTables(config: Config): Promise<boolean> {
  return config.storeUrl !== "chdb:" || exists(join(config.dataFolder, "store"));
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
