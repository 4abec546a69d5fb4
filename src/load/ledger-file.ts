import { join } from "node:path";
import { errorCode, readFully, realFileSystem, replaceFile, writeFully } from "../file-system.ts";
import type { File, FileSystem } from "../file-system.ts";

/** What the ledger needs of its file: few enough calls that tests can make each of them fail. */
export interface LedgerFile {
  /** What is there; undefined when there is no file. */
  read(): Promise<Buffer | undefined>;
  /** Adds to the end; on the disk when it resolves. After it failed only `replace` makes the file whole again. */
  append(bytes: Buffer): Promise<void>;
  /** Takes the place of the file, whole or not at all; on the disk when it resolves. */
  replace(bytes: Buffer): Promise<void>;
  close(): Promise<void>;
  /** Bytes at which it is to be written anew with what still counts. Default LEDGER_BYTES_MAX. */
  readonly bytesMax?: number;
}

/** Where the ledger of a stream's partition is, in the folder of ledgers. */
export function ledgerPath(folder: string, stream: string, partition: number): string {
  return join(folder, `${stream}-${partition}.ledger`);
}

/** A file on a disk, by default the machine's own. Its folder must be there. */
export function ledgerFile(path: string, fileSystem: FileSystem = realFileSystem): LedgerFile {
  /** The open file and where its next line goes. */
  let end: { readonly file: File; bytes: number } | undefined;

  async function close(): Promise<void> {
    const closing = end?.file;
    end = undefined;
    await closing?.close();
  }

  return {
    async read() {
      let file: File;
      try {
        file = await fileSystem.open(path, "read");
      } catch (error) {
        if (errorCode(error) === "ENOENT") return undefined;
        throw error;
      }
      try {
        return await readFully(file, 0, await file.size());
      } finally {
        await file.close();
      }
    },
    async append(bytes) {
      if (end === undefined) {
        const file = await fileSystem.open(path, "write");
        end = { file, bytes: await file.size() };
      }
      await writeFully(end.file, [bytes], end.bytes);
      await end.file.sync();
      end.bytes += bytes.length;
    },
    async replace(bytes) {
      await close();
      await replaceFile(fileSystem, path, [bytes]);
    },
    close,
  };
}
