import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DAY } from "../../../src/units.ts";

/** The clock of the Node processes that are started with `env`: the machine's, set by what `set` said last. */
export interface SettableClock {
  readonly env: Readonly<Record<string, string>>;
  /** Sets the clock ahead (or back) by so many days, of those that run too, within some milliseconds. */
  set(days: number): Promise<void>;
}

/**
 * Like libfaketime, but for Node's own clock only (clock-hook.ts). libfaketime takes the place of the C library's timed waits
 * too, and the engine, which asks the kernel for the time past the C library, then waits for days or not at all, or hangs
 * at its start. What only goes forward (performance.now, timers) stays as it is, as on a machine whose clock is set.
 */
export async function settableClock(folder: string): Promise<SettableClock> {
  const file = join(folder, "clock-offset");
  const set = (days: number) => writeFile(file, `${days * DAY}`);
  await set(0);
  const hook = pathToFileURL(join(import.meta.dirname, "clock-hook.ts"));
  hook.searchParams.set("offset", file);
  const options = [process.env["NODE_OPTIONS"] ?? "", `--import ${hook.href}`];
  return { env: { NODE_OPTIONS: options.join(" ").trim() }, set };
}
