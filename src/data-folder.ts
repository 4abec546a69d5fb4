import { constants, existsSync } from "node:fs";
import { access, mkdir, open, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError, messageOf } from "./errors.ts";
import { DAY, HOUR, MINUTE, SECOND } from "./units.ts";

/** A data folder that is this process's alone until it is released or the process ends, however it ends. */
export interface DataFolder {
  /** Absolute, with links resolved. */
  readonly path: string;
  release(): Promise<void>;
}

/**
 * Makes the folder if it isn't there (for its owner only) and locks it, before anything in it is touched.
 *
 * The lock is the kernel's, on the open file `lock.db`: it ends with the process, even by kill -9, and can't be left
 * behind. Node has no call for such locks but SQLite takes one, so an empty database holds an exclusive transaction.
 * `lock.json` says who holds it, for people only.
 *
 * Rejects with `data_folder_locked` when another process, or this one, holds it, and with `data_folder_unusable`.
 */
export async function lockDataFolder(path: string): Promise<DataFolder> {
  const folder = await makeFolder(path);
  const lock = await lockOf(folder);
  const holder = join(folder, HOLDER_FILE);
  try {
    const { pid } = process;
    await writeFile(holder, `${JSON.stringify({ pid, since: new Date().toISOString() } satisfies Holder)}\n`);
  } catch (error) {
    lock.close();
    throw unusable(folder, error);
  }
  let released = false;
  return {
    path: folder,
    release: async () => {
      if (released) return;
      released = true;
      await rm(holder, { force: true });
      lock.close();
    },
  };
}

/** Who holds a data folder. */
export interface DataFolderLock {
  readonly locked: boolean;
  /** Undefined when nobody does, or whoever does has not said who it is. */
  readonly holder: { readonly pid: number; readonly since: string } | undefined;
}

/**
 * Whether a data folder is locked, and by whom: for people. It neither takes the lock nor changes anything; who starts
 * in the same instant may find the folder in use.
 */
export async function lookAtLock(folder: string): Promise<DataFolderLock> {
  if (!isLocked(join(folder, LOCK_FILE))) return { locked: false, holder: undefined };
  return { locked: true, holder: await readHolder(folder) };
}

function isLocked(lockFile: string): boolean {
  if (!existsSync(lockFile)) return false;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(lockFile, { readOnly: true, timeout: 0 });
    // To read, even an empty database, takes a shared lock, which an exclusive one refuses.
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw unusable(dirname(lockFile), error);
  } finally {
    database?.close();
  }
}

const LOCK_FILE = "lock.db";
const HOLDER_FILE = "lock.json";
/** The folder holds events: nobody else may read it. */
const FOLDER_MODE = 0o700;
/** How long to wait for the one who was faster to say who it is, in milliseconds. */
const HOLDER_WAIT = SECOND / 2;
const HOLDER_POLL = 20;
/** How often the lock is tried when it is taken and nobody says to have it. */
const LOCK_ATTEMPTS = 3;

interface Holder {
  readonly pid: number;
  readonly since: string;
}

async function makeFolder(path: string): Promise<string> {
  try {
    const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    const folder = await realpath(path);
    if (!(await stat(folder)).isDirectory()) throw new Error("it isn't a folder");
    // What will be kept in it is worth nothing if the folder itself is gone after a power failure.
    if (first !== undefined) await syncFolders(dirname(await realpath(first)), dirname(folder));
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return folder;
  } catch (error) {
    throw unusable(path, fileInTheWay(error) ?? error);
  }
}

/** What the codes mean that `mkdir` fails with when there is a file in the folder's place, or in that of one above it. */
function fileInTheWay(error: unknown): Error | undefined {
  if (!(error instanceof Error && "code" in error)) return undefined;
  if (error.code === "EEXIST") return new Error("it is a file, not a folder", { cause: error });
  if (error.code === "ENOTDIR") return new Error("a part of its path is a file", { cause: error });
  return undefined;
}

/** Syncs the folders from the lower one up to the upper one. */
async function syncFolders(upper: string, lower: string): Promise<void> {
  for (let folder = lower; ; folder = dirname(folder)) {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (folder === upper || folder === dirname(folder)) return;
  }
}

/** Two that try in the same instant can keep each other from it, and then neither has it: so who finds nobody tries again. */
async function lockOf(folder: string): Promise<DatabaseSync> {
  for (let attempt = 1; ; attempt += 1) {
    const lock = takeLock(folder);
    if (lock !== undefined) return lock;
    const holder = await readHolder(folder);
    if (holder !== undefined || attempt === LOCK_ATTEMPTS) throw lockedError(folder, holder);
    await sleep(Math.random() * HOLDER_WAIT);
  }
}

/** Undefined when somebody else holds the lock. */
function takeLock(folder: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 });
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw unusable(folder, error);
  }
}

/** https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

function lockedError(folder: string, holder: Holder | undefined): HeadraceError {
  if (holder === undefined) {
    return new HeadraceError("data_folder_locked", `${folder} is in use by another process`);
  }
  const { pid, since } = holder;
  return new HeadraceError(
    "data_folder_locked",
    `${folder} is in use by the process ${pid} for ${age(Date.now() - Date.parse(since))}`,
    { details: { pid, since } },
  );
}

async function readHolder(folder: string): Promise<Holder | undefined> {
  const deadline = performance.now() + HOLDER_WAIT;
  for (;;) {
    const holder = parseHolder(await readFile(join(folder, HOLDER_FILE), "utf8").catch(() => ""));
    // What a killed process left behind names one that is gone: the holder hasn't written its own yet.
    if (holder !== undefined && isAlive(holder.pid)) return holder;
    if (performance.now() > deadline) return undefined;
    await sleep(HOLDER_POLL);
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("pid" in value) || !("since" in value))
      return undefined;
    const { pid, since } = value;
    return typeof pid === "number" && typeof since === "string" ? { pid, since } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process can't be signalled, but it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

const UNITS = [
  { name: "day", length: DAY },
  { name: "hour", length: HOUR },
  { name: "minute", length: MINUTE },
  { name: "second", length: SECOND },
] as const;

function age(milliseconds: number): string {
  const unit = UNITS.find(({ length }) => milliseconds >= length);
  if (unit === undefined) return "less than a second";
  const count = Math.floor(milliseconds / unit.length);
  return `${count} ${unit.name}${count === 1 ? "" : "s"}`;
}

function unusable(folder: string, cause: unknown): HeadraceError {
  return new HeadraceError("data_folder_unusable", `${folder} can't be used: ${messageOf(cause)}`, { cause });
}
