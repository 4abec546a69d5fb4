import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { ROOT } from "./run.ts";

export const FLIGHTS = join(ROOT, "examples/flights");

/** Runs `headrace start` with the flights example on a data folder of its own. */
export async function startFlights(): Promise<
  ServerProcess & { readonly data: string; readonly remove: () => Promise<void> }
> {
  const data = await mkdtemp(join(tmpdir(), "headrace-cli-"));
  const server = await startServerProcess({ project: FLIGHTS, data });
  return {
    ...server,
    data,
    remove: async () => {
      await server.stop("SIGKILL");
      await rm(data, { recursive: true, force: true });
    },
  };
}
