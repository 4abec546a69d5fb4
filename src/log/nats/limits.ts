import { KIB, MIB, SECOND } from "../../units.ts";

/** A server takes headers of this many bytes at most; as many are kept free of a message's `max_payload`. */
export const HEADER_BYTES_MAX = 64 * KIB - 1;
/** Keys stand in a message's headers up to this many bytes; with more of them they are read from the message itself. */
export const KEYS_HEADER_BYTES_MAX = 32 * KIB;
/** The smallest `max_payload` of a server that will do, in bytes. */
export const PAYLOAD_BYTES_MIN = 128 * KIB;

/** How long the server may take to say that a message is stored, in milliseconds; then it is asked again. */
export const PUBLISH_TIMEOUT = 3 * SECOND;
/** Between attempts to find out a message's fate, in milliseconds. */
export const FATE_PAUSE = 200;
/** How long an append waits for a lost connection to come back before it is refused, in milliseconds. */
export const CONNECTION_PATIENCE = 3 * SECOND;
/** How often it is looked whether it is back, in milliseconds. */
export const CONNECTION_POLL = 20;
/** What a refused append is told to wait, in seconds. */
export const UNREACHABLE_RETRY_AFTER_SECONDS = 1;
/** How long an append waits for the next part of another process's large batch, in milliseconds. */
export const RUN_PATIENCE = 2 * SECOND;
/** How long closing waits for the fate of what was sent, in milliseconds. */
export const CLOSE_PATIENCE = 5 * SECOND;

/** Another process's messages are waited for this long before the server is asked for them one by one, in milliseconds. */
export const FOLLOW_PATIENCE = 250;
/** A request for messages ends after this long and the next begins, in milliseconds. */
export const PULL_EXPIRES = 30 * SECOND;
/** While nothing comes, the server gives a sign of life this often, in milliseconds; after two and a half that stay away it is taken for gone. */
export const PULL_HEARTBEAT = SECOND;
/** Messages of one request for them. */
export const PULL_MESSAGES_MAX = 1_000;
/** Bytes of one request for messages. */
export const PULL_BYTES_MAX = 8 * MIB;
/** The server forgets a reader that hasn't asked for so long, in milliseconds. */
export const READER_IDLE = 60 * SECOND;
/** Readers of a partition that stay open where they stopped. */
export const READERS_MAX = 8;
/** Between attempts to read from servers that don't answer, in milliseconds. */
export const READ_PAUSE = 100;
/** How long servers must lack what they once had until it is taken for lost, in milliseconds: one that is cut off and still takes itself for the leader answers from what it has for up to 20 s. */
export const LOSS_PATIENCE = 30 * SECOND;
/** How long a read or an opening tries servers that don't answer, in milliseconds. */
export const READ_PATIENCE = 15 * SECOND;

/** A place in memory for each so many offsets, to find those of a read near the end. */
export const PLACE_INTERVAL = 10_000;
/** Such places that are kept for a partition. */
export const PLACES_MAX = 10_000;
/** Log ids that ended, of which a message tells. */
export const ENDED_MAX = 16;

/** How often sizes and bounds are asked of the server, in milliseconds. */
export const REFRESH_INTERVAL = 5 * SECOND;
