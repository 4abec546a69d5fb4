import { crc32 } from "node:zlib";
import type { NewBatch } from "../log.ts";

/**
 * The partition that a batch with keys belongs to, so that of two processes with one key the second meets the first;
 * undefined for one without keys, which may go anywhere. Keys of events all belong to the first, since a batch has many of them.
 */
export function choosePartition({ key, eventKeys = [] }: NewBatch, partitions: number): number | undefined {
  if (eventKeys.length > 0) return 0;
  return key === undefined ? undefined : crc32(key.key) % partitions;
}
