import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseTokens, type WrittenToken } from "../../access/token-entries.ts";
import { HeadraceError, messageOf } from "../../errors.ts";

/** The mode of a new tokens file: only hashes are in it, but who may do what is nobody else's business. */
const NEW_FILE_MODE = 0o600;
const PERMISSIONS = 0o777;

/**
 * Adds an entry to a tokens file, or makes the file. A reader sees the file as it was or as it is then, whole.
 *
 * @returns The file's path.
 * @throws HeadraceError `config_invalid` when what is there is no tokens file, `tokens_file_unwritable` when it can't be
 * written or another command is writing it.
 */
export async function addToTokensFile(path: string, entry: WrittenToken): Promise<string> {
  // A link stays a link: what it names is replaced.
  const file = await realpath(path).catch(() => resolve(path));
  const draft = `${file}.new`;
  // Whoever makes this file is the one that writes: two at once would lose a token.
  const handle = await open(draft, "wx", NEW_FILE_MODE).catch((error: unknown) => {
    throw unwritable(draft, error);
  });
  try {
    try {
      const before = await readEntries(file);
      await handle.writeFile(`${JSON.stringify([...before, entry], undefined, 2)}\n`);
      const owner = await stat(file).catch(() => undefined);
      if (owner !== undefined) {
        await handle.chmod(owner.mode & PERMISSIONS);
        const own = await handle.stat();
        if (own.uid !== owner.uid || own.gid !== owner.gid) await handle.chown(owner.uid, owner.gid);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(draft, { force: true });
    throw error instanceof HeadraceError ? error : unwritable(file, error);
  }
  return file;
}

/** The entries as they are written, after they were found good: an entry is never changed by adding another. */
async function readEntries(file: string): Promise<readonly unknown[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  parseTokens(text, file);
  return JSON.parse(text) as readonly unknown[];
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unwritable(path: string, error: unknown): HeadraceError {
  const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
  return new HeadraceError(
    "tokens_file_unwritable",
    isThere
      ? `${path} is there: another command is adding a token, or one was stopped amid it`
      : `${path}: ${messageOf(error)}`,
    { cause: error },
  );
}
