import { DAY, GIB, KIB, MIB, MINUTE } from "../units.ts";

/** The largest batch that one record may hold, in bytes. */
export const RECORD_BYTES_MAX = 512 * MIB;
/** Bytes of appends that may wait for the disk, for each stream. Above it appends are refused as `overloaded`. */
export const QUEUE_BYTES_MAX = 64 * MIB;
/** What a refused append is told to wait, in seconds. */
export const QUEUE_RETRY_AFTER_SECONDS = 1;
/** Default retention: by age and by bytes on disk, whichever comes first. */
export const RETENTION_AGE = 7 * DAY;
export const RETENTION_BYTES = 100 * GIB;
/** How often retention looks, beside each closed segment and each commit. */
export const RETENTION_INTERVAL = MINUTE;
/** Default window in which idempotency keys are remembered, and how many for each stream at most. */
export const KEY_WINDOW = DAY;
export const KEY_COUNT = 1_000_000;
/** Bytes of a key and of a body hash, at most. */
export const KEY_BYTES_MAX = KIB;
/** Earlier log ids of which nothing is kept any more that a segment's header still names. */
export const LINEAGE_MAX = 1_000;
/** Subscriptions of a stream, and bytes of a subscription's name. */
export const SUBSCRIPTIONS_MAX = 1_000;
export const SUBSCRIPTION_NAME_BYTES_MAX = 256;
/** The subscription that counts from the start even before its first commit. */
export const LOADER_SUBSCRIPTION = "loader";
