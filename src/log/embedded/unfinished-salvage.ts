import { HeadraceError } from "../../errors.ts";
import type { FileSystem } from "../../file-system.ts";

/** The folder of a log that a salvage has made, and is about to put in the place of the damaged one. */
export const SALVAGE_SUFFIX = ".salvaged";
/** Between a stream's name and the mark of a damaged log that was kept. No stream has a dot in its name. */
export const DAMAGED_INFIX = ".damaged-";

/** Throws `log_corrupt` when a salvage was cut short: the stream's folder may be missing then, and must not begin anew. */
export async function refuseUnfinishedSalvage(
  fileSystem: FileSystem,
  folder: string,
  stream: string,
): Promise<void> {
  const names = await fileSystem.list(folder);
  if (!names.includes(`${stream}${SALVAGE_SUFFIX}`)) return;
  throw new HeadraceError(
    "log_corrupt",
    `a salvage of the log of ${stream} was cut short: run \`headrace doctor --salvage\` again`,
  );
}
