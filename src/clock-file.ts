import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GuardedClock } from "./guarded-clock.ts";
import { MINUTE } from "./units.ts";

/** How often the time is noted, in milliseconds. */
const NOTE_INTERVAL = MINUTE;
const FILE = "clock.json";

export interface ClockFile {
  /** The time that had surely come when it was last noted (milliseconds since 1970), if that is known. */
  readonly noted: number | undefined;
  /** Notes the time once more, and no more after that. */
  close(): Promise<void>;
}

/**
 * Notes the time that has surely come in a data folder, from `startedAfter` on, so that the next start knows it even if the clock was
 * wrong when the latest events were accepted. It need not be durable: an older note makes things be kept for an hour longer.
 */
export async function openClockFile(folder: string, clock: GuardedClock): Promise<ClockFile> {
  const path = join(folder, FILE);
  const noted = parse(await readFile(path, "utf8").catch(() => ""));
  let noting: Promise<void> = Promise.resolve();
  const note = (): void => {
    noting = noting.then(() => writeNote(path, clock.sure()));
  };
  const timer = setInterval(note, NOTE_INTERVAL).unref();
  return {
    noted,
    async close() {
      clearInterval(timer);
      note();
      await noting;
    },
  };
}

async function writeNote(path: string, sure: number): Promise<void> {
  if (sure === 0) return;
  try {
    await writeFile(`${path}.tmp`, `${JSON.stringify({ sure: Math.floor(sure) })}\n`, { mode: 0o600 });
    await rename(`${path}.tmp`, path);
  } catch {
    // A full disk has others to tell of it.
  }
}

function parse(text: string): number | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("sure" in value)) return undefined;
    return typeof value.sure === "number" && value.sure > 0 ? value.sure : undefined;
  } catch {
    return undefined;
  }
}
