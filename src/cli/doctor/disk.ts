import { randomUUID } from "node:crypto";
import { open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../errors.ts";
import { GIB, KIB, SECOND } from "../../units.ts";
import type { Finding } from "./finding.ts";
import { plural, showBytes, showTime } from "./show.ts";

/** Below this, ingest may meet a full disk within minutes, and merges of the store need room too. Bytes. */
const FREE_BYTES_MIN = GIB;
const FREE_FILES_MIN = 1_000;
const FREE_FILES_FEW = 20_000;

const SYNC_WRITES = 20;
const SYNC_BYTES = 4 * KIB;
/** A disk this slow is felt in each request. Milliseconds. */
const SYNC_SLOW = 20;
/** No disk is so fast: the sync doesn't reach one. Milliseconds. */
const SYNC_UNREAL = 0.01;

/** Room in a folder's file system; `logBytesMax` is what the log's retention allows beyond what it has. */
export async function examineSpace(folder: string, logBytesMax: number): Promise<readonly Finding[]> {
  const { bavail, bsize, files, ffree } = await statfs(folder);
  return [spaceFinding(bavail * bsize, logBytesMax), inodesFinding(files, ffree)];
}

/** What free space means. Sizes in bytes. */
export function spaceFinding(free: number, logBytesMax: number): Finding {
  const check = "disk.space";
  const values = { free_bytes: free, log_may_grow_bytes: logBytesMax };
  if (free < FREE_BYTES_MIN) {
    return {
      check,
      state: "problem",
      found: `${showBytes(free)} free`,
      meaning: "On a full disk ingest answers 503 (log_full) and loading stops.",
      advice: "Free space, or put the data folder on another disk with HEADRACE_DATA.",
      values,
    };
  }
  if (free < logBytesMax) {
    return {
      check,
      state: "warning",
      found: `${showBytes(free)} free, and the log alone may grow by ${showBytes(logBytesMax)}`,
      meaning:
        "HEADRACE_LOG_RETENTION_SIZE holds for each stream: the disk may be full before it is reached.",
      advice: "Lower HEADRACE_LOG_RETENTION_SIZE or HEADRACE_LOG_RETENTION_AGE, or give the disk more room.",
      values,
    };
  }
  return { check, state: "ok", found: `${showBytes(free)} free`, values };
}

/** What the count of free inodes means; a file system without such a count says 0 of 0. */
export function inodesFinding(total: number, free: number): Finding {
  const check = "disk.inodes";
  if (total === 0) {
    return {
      check,
      state: "ok",
      found: "this file system has no limit on files",
      values: { free_files: null },
    };
  }
  const found = `room for ${plural(free, "more file")}`;
  const values = { free_files: free };
  if (free >= FREE_FILES_FEW) return { check, state: "ok", found, values };
  return {
    check,
    state: free < FREE_FILES_MIN ? "problem" : "warning",
    found,
    meaning:
      "Each part of a table is some files: without room for them loading stops, however much space is free.",
    advice: "Remove small files from this disk, or put the data folder on another with HEADRACE_DATA.",
    values,
  };
}

/** Measures what each acknowledged batch waits for, in a file that is removed again. */
export async function examineSync(folder: string): Promise<Finding> {
  try {
    const times = (await measureSyncs(folder)).sort((left, right) => left - right);
    return syncFinding(times[times.length >> 1] ?? 0, times.at(-1) ?? 0);
  } catch (error) {
    return {
      check: "disk.sync",
      state: "problem",
      found: `a file can't be written and synced in ${folder}: ${messageOf(error)}`,
      meaning: "The log couldn't be either, and so no batch is acknowledged.",
      advice: "Look at the disk, or put the data folder on another with HEADRACE_DATA.",
    };
  }
}

/** What sync times mean. Milliseconds. */
export function syncFinding(median: number, longest: number): Finding {
  const check = "disk.sync";
  const found = `a sync takes ${showTime(median)}, at most ${showTime(longest)} (median and longest of ${SYNC_WRITES})`;
  const values = { median_ms: median, max_ms: longest };
  if (median < SYNC_UNREAL) {
    return {
      check,
      state: "warning",
      found,
      meaning:
        "No disk is so fast: syncs aren't handed on to one, and a power failure may lose what was acknowledged.",
      advice: "Put the data folder on a disk of its own that syncs, if its events matter.",
      values,
    };
  }
  const perSecond = Math.max(1, Math.floor(SECOND / median)).toLocaleString("en-US");
  const meaning = `A producer that waits for each answer gets at most ${perSecond} a second; requests side by side share a sync.`;
  if (median <= SYNC_SLOW) return { check, state: "ok", found, meaning, values };
  return {
    check,
    state: "warning",
    found,
    meaning,
    advice: "Use an SSD, send larger batches, or send more requests side by side.",
    values,
  };
}

async function measureSyncs(folder: string): Promise<number[]> {
  const path = join(folder, `.headrace-doctor-${randomUUID()}.tmp`);
  const file = await open(path, "wx", 0o600);
  try {
    const block = Buffer.alloc(SYNC_BYTES, 1);
    const times: number[] = [];
    for (let write = 0; write < SYNC_WRITES; write++) {
      const from = performance.now();
      await file.write(block, 0, block.length, write * SYNC_BYTES);
      await file.datasync();
      times.push(performance.now() - from);
    }
    return times;
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}
