import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, realFileSystem } from "../../file-system.ts";
import { SCAN_CHUNK_BYTES } from "./limits.ts";
import { recordEnd } from "../record/record.ts";
import { RecordScanner } from "./record-scanner.ts";
import { parseName, segmentPath } from "./segment.ts";
import { readSegmentHeader } from "./segment-header.ts";

/** What a look at a stream's folder tells. */
export interface LogSurvey {
  readonly stream: string;
  readonly segments: number;
  /** Bytes of the folder's files. */
  readonly bytes: number;
  /** Events and rejected events that are kept. */
  readonly events: number;
  /** The latest accept time in the last segment with events; milliseconds since 1970, undefined without any. */
  readonly newestAcceptedAt: number | undefined;
}

/**
 * Looks at a log's folder without a change to it, also while a server writes there; [] when there is none. Of the records
 * only the last segment's headers are read: what `inspect` checks at a start is not checked here.
 * Rejects with `log_corrupt` when a segment's header is damaged.
 */
export async function surveyLog(folder: string): Promise<readonly LogSurvey[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  // A name with a dot is what a salvage leaves: no stream has one.
  const streams = entries
    .filter((entry) => entry.isDirectory() && !entry.name.includes("."))
    .map(({ name }) => name);
  const surveys: LogSurvey[] = [];
  for (const stream of streams.sort()) surveys.push(await surveyStream(join(folder, stream), stream));
  return surveys;
}

async function surveyStream(folder: string, stream: string): Promise<LogSurvey> {
  const names = await readdir(folder);
  const bases = names
    .map(parseName)
    .filter((name) => name?.kind === "log")
    .map((name) => name?.base ?? 0)
    .sort((left, right) => left - right);
  let bytes = 0;
  // Retention may drop a file in the middle of this.
  for (const name of names) bytes += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  const [first = 0, ...later] = bases;
  let lost = 0;
  for (const base of later) lost += await lostBefore(segmentPath(folder, base));
  for (const base of bases.toReversed()) {
    const found = await scan(segmentPath(folder, base));
    if (found !== undefined) {
      const { end, newestAcceptedAt } = found;
      return { stream, segments: bases.length, bytes, events: end - first - lost, newestAcceptedAt };
    }
  }
  return { stream, segments: bases.length, bytes, events: 0, newestAcceptedAt: undefined };
}

/** Offsets before a segment that a salvage could not save; 0 for a file that retention has dropped meanwhile. */
async function lostBefore(path: string): Promise<number> {
  const file = await realFileSystem.open(path, "read").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return 0;
  try {
    const { lost } = (await readSegmentHeader(file, path)).header;
    return lost === undefined ? 0 : lost.to - lost.from;
  } finally {
    await file.close();
  }
}

interface Scanned {
  /** The offset after the last whole record; one that is being written isn't whole yet. */
  readonly end: number;
  readonly newestAcceptedAt: number;
}

/** Undefined for a segment without a record. */
async function scan(path: string): Promise<Scanned | undefined> {
  const file = await realFileSystem.open(path, "read");
  try {
    const { bytes: from, seed } = await readSegmentHeader(file, path);
    const scanner = new RecordScanner(file, seed, { from, to: await file.size() }, SCAN_CHUNK_BYTES);
    let scanned: Scanned | undefined;
    for (;;) {
      const found = scanner.peek();
      if (found !== undefined) {
        const newestAcceptedAt = Math.max(scanned?.newestAcceptedAt ?? 0, found.header.acceptedAt);
        scanned = { end: recordEnd(found.header), newestAcceptedAt };
        scanner.advance(found);
      } else if (!(await scanner.fill())) {
        return scanned;
      }
    }
  } finally {
    await file.close();
  }
}
