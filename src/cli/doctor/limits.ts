import { totalmem } from "node:os";
import type { Finding } from "./finding.ts";
import { showBytes } from "./show.ts";
import { readSystemReport } from "./system-report.ts";

/** Connections, segments and the engine's parts each take a file. */
const OPEN_FILES_MIN = 4_096;

/** What the system allows this process. */
export function examineLimits(): readonly Finding[] {
  return [examineOpenFiles(), examineMemoryLimit()];
}

function examineOpenFiles(): Finding {
  const limit = readSystemReport().openFiles;
  const unlimited = limit === Number.POSITIVE_INFINITY;
  const values = { open_files: unlimited ? null : limit };
  const found = unlimited ? "any number of open files" : `${limit.toLocaleString("en-US")} open files`;
  if (limit >= OPEN_FILES_MIN) return { check: "limits.open_files", state: "ok", found, values };
  return {
    check: "limits.open_files",
    state: "warning",
    found,
    meaning: "Each connection and each part of a table takes one: under load, connections and inserts fail.",
    advice: `Raise it to ${OPEN_FILES_MIN.toLocaleString("en-US")} or more: ulimit -n, or LimitNOFILE= in a systemd unit.`,
    values,
  };
}

function examineMemoryLimit(): Finding {
  const limit = process.constrainedMemory();
  // Without a limit it is 0, or larger than any machine.
  const limited = limit > 0 && limit < totalmem();
  return {
    check: "limits.memory",
    state: "ok",
    found: limited ? `${showBytes(limit)} of memory for this container or service` : "no limit on memory",
    values: { memory_bytes: limited ? limit : null },
  };
}
