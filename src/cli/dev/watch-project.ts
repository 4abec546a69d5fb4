import { watch, type Dirent, type FSWatcher } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { SECOND } from "../../units.ts";

/** An editor writes a file in several steps, and a checkout many files: changes within this time are told as one. */
const GATHER = SECOND / 5;
/** Folders that are watched at most; a project has a handful. */
const FOLDERS_MAX = 500;
const SOURCE = /\.(ts|mts|cts)$|^\.env$/;
const IGNORED = new Set(["node_modules", "dist", "coverage"]);

/**
 * Calls `onChange` after a source file of the project or its `.env` has changed. Folders are watched one by one, because a
 * recursive watch would also take the data folder, where the engine writes all the time, and node_modules.
 * @returns What ends the watch.
 */
export async function watchProject(folder: string, onChange: () => void): Promise<() => void> {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const tell = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      onChange();
    }, GATHER);
  };
  const watchFolder = async (path: string, isNew: boolean): Promise<void> => {
    if (closed || watchers.has(path) || watchers.size >= FOLDERS_MAX) return;
    let entries: Dirent[];
    try {
      const watcher = watch(path, (_event, name) => onEvent(path, name));
      watcher.on("error", () => forget(path));
      watchers.set(path, watcher);
      entries = await readdir(path, { withFileTypes: true });
    } catch {
      // It has gone since; then there is nothing to watch.
      forget(path);
      return;
    }
    // What was written into a new folder before it was watched.
    if (isNew && entries.some((entry) => SOURCE.test(entry.name))) tell();
    for (const entry of entries) {
      if (entry.isDirectory() && isWatched(entry.name)) await watchFolder(join(path, entry.name), isNew);
    }
  };
  const onEvent = (path: string, name: string | null): void => {
    if (name === null || SOURCE.test(name)) {
      tell();
    } else if (isWatched(name) && !name.includes(".")) {
      // It may be a new folder.
      void watchFolder(join(path, name), true);
    }
  };
  const forget = (path: string): void => {
    watchers.get(path)?.close();
    watchers.delete(path);
  };

  await watchFolder(folder, false);
  return () => {
    closed = true;
    clearTimeout(timer);
    for (const path of watchers.keys()) forget(path);
  };
}

function isWatched(name: string): boolean {
  return !name.startsWith(".") && !IGNORED.has(name);
}
