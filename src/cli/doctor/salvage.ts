import { loadConfig, type ConfigSources } from "../../config.ts";
import { loadProject } from "../../project/load-project.ts";
import type { FolderSalvage, StreamSalvage } from "../../compose-salvage.ts";
import { printLine, styled, type Io } from "../io.ts";
import { lostText, notLoaded } from "./damage.ts";
import { plural, showBytes } from "./show.ts";

/** `headrace doctor --salvage`. */
export async function salvage(sources: ConfigSources, io: Io, asJson: boolean): Promise<void> {
  const config = loadConfig(sources);
  const project = await loadProject(sources.projectFolder);
  const { salvageFolder } = await import("../../compose-offline.ts");
  const outcome = await salvageFolder(project, config);
  if (asJson) printLine(io.stdout, JSON.stringify(documentOf(outcome)));
  else print(outcome, io);
}

function documentOf({ streams, ledgers }: FolderSalvage): unknown {
  return {
    streams: streams.map((one) => ({
      stream: one.stream,
      saved: { batches: one.batches, events: one.events, rejected: one.rejected },
      log: one.log,
      loaded_to_offset: one.loaded,
      lost: one.lost.map(({ from, to }) => ({
        from_offset: from,
        to_offset: to,
        not_loaded: notLoaded({ from, to }, one.loaded),
      })),
      damages: damagesOf(one),
      forgotten_cursors: one.forgotten,
      kept_in: one.aside,
    })),
    ledgers: ledgers.map(({ path, aside, reason }) => ({ file: path, kept_in: aside, reason })),
  };
}

/** All that wasn't whole, a torn tail too: it isn't in the new log. */
function damagesOf({ examination: { damages, torn } }: StreamSalvage) {
  return torn === undefined ? damages : [...damages, torn];
}

function print({ streams, ledgers }: FolderSalvage, io: Io): void {
  for (const one of streams) {
    const saved = `${plural(one.events, "event")} and ${plural(one.rejected, "rejected event")} in ${plural(one.batches, "batch", "batches")}`;
    printLine(io.stdout, styled(io.stdout, "bold", `${one.stream}: saved ${saved}`));
    for (const { file, byte, bytes, what } of damagesOf(one)) {
      const size = bytes === 0 ? "" : `, ${showBytes(bytes)}`;
      printLine(io.stdout, `  ${file} at byte ${byte}${size}: ${what}`);
    }
    for (const range of one.lost) {
      const label = notLoaded(range, one.loaded) > 0 ? styled(io.stdout, "red", "lost") : "not in the log";
      printLine(io.stdout, `  ${label}: ${lostText(range, one.loaded)}`);
    }
    if (one.lost.length === 0) printLine(io.stdout, "  no offset between whole batches is missing");
    for (const name of one.forgotten) {
      printLine(io.stdout, `  the cursor of ${name} can't be kept: it begins at the oldest event`);
    }
    printLine(
      io.stdout,
      `  the damaged log is kept in ${one.aside}; remove it when nobody needs it any more`,
    );
  }
  for (const { path, aside, reason } of ledgers) {
    printLine(io.stdout, styled(io.stdout, "bold", `${path} is put aside: ${reason}`));
    printLine(
      io.stdout,
      `  it is kept as ${aside}; the next start finds out what the store has by asking it`,
    );
  }
  if (streams.length + ledgers.length === 0) {
    printLine(io.stdout, "No log and no ledger is damaged: nothing is changed.");
  }
}
