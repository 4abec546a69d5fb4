import type * as chdb from "chdb";
import { HeadraceError, messageOf } from "../../../errors.ts";

/** What is used of the chdb package. */
export type Chdb = Pick<typeof chdb, "Session" | "drainPending">;

/** Loads the engine: hundreds of megabytes of native code, so only when a project uses it. */
export async function loadChdb(): Promise<Chdb> {
  try {
    return await import("chdb");
  } catch (error) {
    throw new HeadraceError(
      "config_invalid",
      `The embedded store can't run here (${process.platform} ${process.arch}). It needs Linux with glibc or macOS, on x64 ` +
        `or arm64, and the npm package chdb with its optional dependency @chdb/lib-…: npm install chdb@3.4.0. ` +
        `Cause: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
