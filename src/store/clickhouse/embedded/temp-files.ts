import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rm, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "../../../units.ts";

/** Where files live in memory on Linux. */
const SHARED_MEMORY = "/dev/shm";
/** Containers often have only 64 MiB there, which is too little for an insert. */
const SHARED_MEMORY_FREE_MIN = 256 * MIB;

/** Files that live for one statement: what the engine reads of an insert. Nothing in them needs to survive a crash. */
export class TempFiles {
  /** Absolute; belongs to this store alone. */
  readonly folder: string;
  /** In the data folder; used for files when the other has no space left. */
  readonly diskFolder: string;

  private constructor(folder: string, diskFolder: string) {
    this.folder = folder;
    this.diskFolder = diskFolder;
  }

  /** Makes the folders empty: what an earlier run left behind is removed. */
  static async open(dataFolder: string, wanted?: string): Promise<TempFiles> {
    const disk = await emptyFolder(join(dataFolder, "tmp"));
    const parent = wanted ?? (await sharedMemory());
    if (parent === undefined) return new TempFiles(disk, disk);
    // The data folder has one owner, so this name has one too.
    const name = `headrace-${createHash("sha256").update(dataFolder).digest("hex").slice(0, 16)}`;
    try {
      return new TempFiles(await emptyFolder(join(parent, name)), disk);
    } catch (error) {
      if (wanted !== undefined) throw error;
      // Somebody else's folder has the name; anyone may create files there.
      return new TempFiles(disk, disk);
    }
  }

  /** Writes a file and gives its path. */
  async write(chunks: readonly Uint8Array[]): Promise<string> {
    const name = randomUUID();
    try {
      return await writeFile(join(this.folder, name), chunks);
    } catch (error) {
      if (this.folder === this.diskFolder) throw error;
      return writeFile(join(this.diskFolder, name), chunks);
    }
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await rm(this.diskFolder, { recursive: true, force: true });
  }
}

async function emptyFolder(path: string): Promise<string> {
  await rm(path, { recursive: true, force: true });
  // Events pass through here: nobody else may read them.
  await mkdir(path, { mode: 0o700 });
  return path;
}

async function sharedMemory(): Promise<string | undefined> {
  try {
    const { bavail, bsize } = await statfs(SHARED_MEMORY);
    return bavail * bsize >= SHARED_MEMORY_FREE_MIN ? SHARED_MEMORY : undefined;
  } catch {
    return undefined;
  }
}

async function writeFile(path: string, chunks: readonly Uint8Array[]): Promise<string> {
  const file = await open(path, "wx", 0o600);
  try {
    let at = 0;
    while (at < chunks.length) at = await writeSome(file, chunks, at);
    return path;
  } catch (error) {
    await unlink(path);
    throw error;
  } finally {
    await file.close();
  }
}

/** Buffers in one system call; the kernel's limit. */
const VECTORS_MAX = 1024;

/** Writes the next chunks whole and gives the index after them. */
async function writeSome(
  file: Awaited<ReturnType<typeof open>>,
  chunks: readonly Uint8Array[],
  at: number,
): Promise<number> {
  const next = chunks.slice(at, at + VECTORS_MAX);
  const { bytesWritten } = await file.writev(next);
  const expected = next.reduce((sum, chunk) => sum + chunk.length, 0);
  // A short count comes before the error that says why.
  if (bytesWritten < expected) await file.writeFile(Buffer.concat(next).subarray(bytesWritten));
  return at + next.length;
}
