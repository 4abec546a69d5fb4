import { GIB, KIB, MIB, SECOND } from "../../units.ts";

/** Default bytes at which a segment is closed and the next begins. */
export const SEGMENT_BYTES = 64 * MIB;
/** Bounds of the `segmentBytes` option. Positions in a segment are 32 bits wide. */
export const SEGMENT_BYTES_MIN = 4 * KIB;
export const SEGMENT_BYTES_MAX = GIB;
/** The largest segment header (it holds the schema), in bytes. */
export const SEGMENT_HEADER_BYTES_MAX = 16 * MIB;

/** While the disk is full, how often it is tried whether there is space again, in milliseconds. */
export const FULL_PROBE_INTERVAL = SECOND;
/** Appends are gathered into one write and one sync up to this many bytes; a larger batch goes alone. */
export const GROUP_BYTES_MAX = 16 * MIB;
/** Payloads up to this many bytes are copied together; larger ones are handed to the disk where they lie. */
export const COPY_BYTES_MAX = 16 * KIB;
/** Size of the buffer that small payloads are copied to; a group ends when it is full. */
export const SLAB_BYTES = MIB;

/** A segment's index has an entry for each so many bytes: what a read from anywhere has to skip at most. */
export const INDEX_INTERVAL_BYTES = 64 * KIB;
/** Recovery reads a segment in pieces of this size. */
export const SCAN_CHUNK_BYTES = 4 * MIB;
/** A read asks the disk for at least this much, so that it isn't asked for each small record. */
export const READ_CHUNK_BYTES_MIN = 128 * KIB;
/** And for no more than this at once: a read that may take more makes several buffers. */
export const READ_CHUNK_BYTES_MAX = 8 * MIB;

/** A segment is closed when it is this fraction of the retention's age old, so that it can be dropped in time. */
export const SEGMENT_AGE_FRACTION = 1 / 8;

/** Bytes of the cursor file at which it is written anew with the live cursors only. */
export const CURSOR_FILE_BYTES_MAX = MIB;
