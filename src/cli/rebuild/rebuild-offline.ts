import { loadConfig } from "../../config.ts";
import { HeadraceError } from "../../errors.ts";
import { nearestName } from "../../project/nearest-name.ts";
import { listenForInterrupt } from "../interrupt.ts";
import type { Io } from "../io.ts";
import { projectFolder } from "../options.ts";
import { formatCount, liveLines, progressBar } from "../progress.ts";
import { printOutcome } from "./print-outcome.ts";

export interface OfflineOptions {
  readonly stream: string;
  readonly project: string;
  readonly data: string | undefined;
  readonly allowPartial: boolean;
  readonly json: boolean;
}

/** Makes the table anew in the data folder of a server that is stopped, under the project's declaration. */
export async function rebuildOffline(options: OfflineOptions, io: Io): Promise<void> {
  const { stream: name, data } = options;
  const folder = projectFolder(options.project);
  const config = loadConfig({ projectFolder: folder, flags: data === undefined ? {} : { data } });
  const { loadProject } = await import("../../project/load-project.ts");
  const project = await loadProject(folder);
  const stream = project.streams.find((one) => one.name === name);
  if (stream === undefined) {
    const near = nearestName(
      name,
      project.streams.map((one) => one.name),
    );
    throw new HeadraceError(
      "unknown_stream",
      `${project.name} has no stream ${name}${near === undefined ? "" : `; did you mean ${near}?`}`,
    );
  }
  // The engine is loaded only by the commands that need it, and when the project is known to be good.
  const { rebuildStream } = await import("../../compose-offline.ts");
  const live = liveLines(io.stderr);
  const interrupt = listenForInterrupt();
  try {
    const { fromLog, copied, rejected, lost, toLoad } = await rebuildStream({
      stream,
      config,
      allowPartial: options.allowPartial,
      signal: interrupt.signal,
      progress: (done, of) => {
        if (!options.json)
          live.update(() => [`${progressBar(done / of)}  ${formatCount(done)} of ${formatCount(of)} events`]);
      },
    });
    const outcome = { from_log: fromLog, copied, rejected, lost, to_load: toLoad };
    printOutcome(name, outcome, options.json, io);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    throw new HeadraceError(
      "rebuild_cancelled",
      `The rebuild of ${name} was cancelled: the table is as it was`,
    );
  } finally {
    interrupt.dispose();
  }
}
