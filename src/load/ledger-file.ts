import { open, readFile, rename, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What the ledger needs of its file: few enough calls that tests can put a failing disk underneath. */
export interface LedgerFile {
  /** What is there; undefined when there is no file. */
  read(): Promise<Buffer | undefined>;
  /** Adds to the end; on the disk when it resolves. */
  append(bytes: Buffer): Promise<void>;
  /** Takes the place of the file, whole or not at all; on the disk when it resolves. */
  replace(bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** Where the ledger of a stream's partition is, in the folder of ledgers. */
export function ledgerPath(folder: string, stream: string, partition: number): string {
  return join(folder, `${stream}-${partition}.ledger`);
}

/** A file on the machine's own disk. Its folder must be there. */
export function ledgerFile(path: string): LedgerFile {
  let handle: FileHandle | undefined;

  async function close(): Promise<void> {
    const closing = handle;
    handle = undefined;
    await closing?.close();
  }

  return {
    async read() {
      return readFile(path).catch((error: unknown) => {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      });
    },
    async append(bytes) {
      handle ??= await open(path, "a", 0o600);
      await handle.appendFile(bytes);
      await handle.datasync();
    },
    async replace(bytes) {
      await close();
      const temporary = `${path}.tmp`;
      const written = await open(temporary, "w", 0o600);
      try {
        await written.writeFile(bytes);
        await written.datasync();
      } finally {
        await written.close();
      }
      await rename(temporary, path);
      await syncFolder(dirname(path));
    },
    close,
  };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
