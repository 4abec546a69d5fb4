import * as fs from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** What the log and the ledger need of a disk: few enough calls that the tests can put a disk underneath that tears and forgets. */
export interface FileSystem {
  /** Makes the folder and those above it, durably. */
  makeFolder(path: string): Promise<void>;
  /** Names in a folder, in no order. */
  list(folder: string): Promise<string[]>;
  /** `create` makes an empty file, or empties the one that is there. */
  open(path: string, mode: "read" | "write" | "create"): Promise<File>;
  /** Takes the place of what is there. Durable only after `syncFolder`. */
  rename(from: string, to: string): Promise<void>;
  /** Not an error when there is nothing. Durable only after `syncFolder`. */
  remove(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

export interface File {
  size(): Promise<number>;
  /** May read less; 0 at the end. */
  read(into: Buffer, at: number): Promise<number>;
  /** May write less, as `write(2)` does before a disk is full. */
  write(buffers: readonly Buffer[], at: number): Promise<number>;
  /** fdatasync: data and size are on the disk when it resolves. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** The machine's own disk. */
export const realFileSystem: FileSystem = {
  async makeFolder(path) {
    const first = await mkdir(path, { recursive: true });
    if (first === undefined) return;
    for (let made = path; ; made = dirname(made)) {
      await syncFolder(dirname(made));
      if (made === first || made === dirname(made)) return;
    }
  },
  list: (folder) => readdir(folder),
  open: async (path, mode) => openFile(await call((done) => fs.open(path, FLAGS[mode], 0o600, done))),
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolder,
};

const FLAGS = { read: "r", write: "r+", create: "w+" } as const;

function openFile(descriptor: number): File {
  return {
    size: async () => (await call<fs.Stats>((done) => fs.fstat(descriptor, done))).size,
    read: (into, at) => call((done) => fs.read(descriptor, into, 0, into.length, at, done)),
    write: (buffers, at) => call((done) => fs.writev(descriptor, buffers, at, done)),
    sync: () => call((done) => fs.fdatasync(descriptor, done)),
    truncate: (bytes) => call((done) => fs.ftruncate(descriptor, bytes, done)),
    close: () => call((done) => fs.close(descriptor, done)),
  };
}

async function syncFolder(path: string): Promise<void> {
  const descriptor = await call<number>((done) => fs.open(path, "r", done));
  try {
    await call<void>((done) => fs.fsync(descriptor, done));
  } finally {
    await call<void>((done) => fs.close(descriptor, done));
  }
}

/** Node's callback functions take half the time of its promised ones, which make an object for each call. */
function call<Value>(start: (done: (error: Error | null, value?: Value) => void) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value as Value);
    });
  });
}

/** Reads exactly the asked bytes, or fewer where the file ends. */
export async function readFully(file: File, at: number, bytes: number): Promise<Buffer> {
  const into = Buffer.allocUnsafe(bytes);
  let done = 0;
  while (done < bytes) {
    const count = await file.read(done === 0 ? into : into.subarray(done), at + done);
    if (count === 0) break;
    done += count;
  }
  return done === bytes ? into : into.subarray(0, done);
}

/** Writes all of it, taking up again after a short write; the disk says why when it can't go on. */
export async function writeFully(file: File, buffers: readonly Buffer[], at: number): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  let position = at;
  while (rest.length > 0) {
    let written = await file.write(rest, position);
    if (written <= 0) throw new Error("the disk took nothing of a write");
    position += written;
    let whole = 0;
    for (const buffer of rest) {
      if (written < buffer.length) break;
      written -= buffer.length;
      whole += 1;
    }
    rest = rest.slice(whole);
    const first = rest[0];
    if (first !== undefined && written > 0) rest[0] = first.subarray(written);
  }
}

/** Puts a file in place whole or not at all, durably, and in the place of one that is there. */
export async function replaceFile(
  fileSystem: FileSystem,
  path: string,
  buffers: readonly Buffer[],
): Promise<void> {
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  const file = await fileSystem.open(temporary, "create");
  try {
    await writeFully(file, buffers, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(temporary, path);
  await fileSystem.syncFolder(dirname(path));
}

/** Files that end so were never put in place, and are removed at the next start. */
export const TEMPORARY_SUFFIX = ".tmp";

/** Whether an error means that the disk, or the user's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
