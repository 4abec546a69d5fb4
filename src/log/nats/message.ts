import { headers, type MsgHdrs } from "@nats-io/transport-node";
import type { Ended } from "../lineage.ts";
import { KEYS_HEADER_BYTES_MAX } from "./limits.ts";

/**
 * What a message says about itself in its headers: a reader of the headers alone knows the offsets and the keys.
 * A message holds a group of whole records, or a part of one record that is too large for a message.
 */
export interface MessageHead {
  /** Unique for each message that was ever made; sent again it is the same. */
  readonly id: string;
  /** The stream's sequence number of the message before this one in the partition's chain; 0 for the first. */
  readonly prev: number;
  /** The id of that message, "" for the first: a number can be used again when a server lost messages. */
  readonly after: string;
  /** The log id of its events. */
  readonly log: string;
  /** Offset of its first event, and how many offsets it takes. The parts of a run all say the same. */
  readonly offset: number;
  readonly count: number;
  /** When the last of its batches was accepted, in milliseconds since 1970. */
  readonly accepted: number;
  /** Fingerprint of the schema that its events were validated with. */
  readonly schema: string;
  /** Earlier log ids, oldest first, each with the offset at which it ended. */
  readonly ended?: readonly Ended[];
  /** The parts of one record count when the last is there and nothing stands between. */
  readonly run?: { readonly id: string; readonly part: number; readonly parts: number };
}

/** Where the entry of a key lies in the bytes of a group. */
export interface PlacedKey {
  readonly key: string;
  readonly acceptedAt: number;
  readonly at: number;
  readonly bytes: number;
}

/** Keys of a message: undefined when it has some that must be read from its bytes. */
export type MessageKeys = readonly PlacedKey[] | undefined;

const HEAD = "Headrace";
const KEYS = "Headrace-Keys";
/** Instead of the keys when they are too many for the headers. */
const KEYS_INSIDE = "inside";

export function encodeHeaders(head: MessageHead, keys: MessageKeys): MsgHdrs {
  const into = headers();
  into.set(HEAD, JSON.stringify(head));
  if (keys === undefined || keys.length > 0) into.set(KEYS, keysText(keys));
  return into;
}

function keysText(keys: MessageKeys): string {
  if (keys === undefined) return KEYS_INSIDE;
  const text = JSON.stringify(keys.map(({ key, acceptedAt, at, bytes }) => [key, acceptedAt, at, bytes]));
  return Buffer.byteLength(text) > KEYS_HEADER_BYTES_MAX ? KEYS_INSIDE : text;
}

/** Undefined when these are not the headers of one of the log's messages. */
export function decodeHead(from: MsgHdrs | undefined): MessageHead | undefined {
  const text = from?.get(HEAD);
  if (text === undefined || text === "") return undefined;
  try {
    const head = JSON.parse(text) as MessageHead;
    const numbers = [head.prev, head.offset, head.count, head.accepted];
    const texts = [head.id, head.after, head.log, head.schema];
    const whole = numbers.every(Number.isSafeInteger) && texts.every((one) => typeof one === "string");
    return whole ? head : undefined;
  } catch {
    return undefined;
  }
}

export function decodeKeys(from: MsgHdrs | undefined): MessageKeys {
  const text = from?.get(KEYS);
  if (text === undefined || text === "") return [];
  if (text === KEYS_INSIDE) return undefined;
  const keys = JSON.parse(text) as [string, number, number, number][];
  return keys.map(([key, acceptedAt, at, bytes]) => ({ key, acceptedAt, at, bytes }));
}
