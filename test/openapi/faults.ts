import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "./answer.ts";
import { probe } from "./requests.ts";

/** Keeps so many slow queries waiting, each of its own, until it is released; `full` resolves when one was refused. */
export function saturate(
  url: string,
  queries: number,
): { readonly full: Promise<void>; readonly release: () => Promise<void> } {
  const { promise: full, resolve } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const keep = async (_: unknown, index: number): Promise<void> => {
    for (let nonce = index * 1000; !stop.signal.aborted; nonce++) {
      const sent = probe({ as: "slow", nonce });
      const answer = await send(url, sent, stop.signal).catch(() => undefined);
      if (answer?.status !== 429) continue;
      resolve();
      await sleep(20);
    }
  };
  const kept = Array.from({ length: queries }, keep);
  return {
    full,
    release: async () => {
      stop.abort();
      await Promise.all(kept);
    },
  };
}

/** Makes one of Node's calls to the system fail for the files of the log, until `mend`. */
export function breakDisk(name: "writev" | "fdatasync", code: string): { mend(): void } {
  const original = fs[name];
  const fail = (...args: readonly unknown[]): unknown => {
    // The ledger is written by the same calls, and is not what breaks.
    if (!fs.readlinkSync(`/proc/self/fd/${Number(args[0])}`).includes("/log/")) {
      return Reflect.apply(original, fs, args);
    }
    const done = args.at(-1) as (error: Error) => void;
    return setImmediate(done, Object.assign(new Error(`${code}: made by the test`), { code }));
  };
  Object.assign(fs, { [name]: fail });
  syncBuiltinESMExports();
  return {
    mend() {
      Object.assign(fs, { [name]: original });
      syncBuiltinESMExports();
    },
  };
}
