import { HeadraceError } from "../../errors.ts";
import type { KeyedAnswer } from "../log.ts";
import { decodeKeyEntry } from "../record/key-entry.ts";
import type { RememberedKeys } from "../remembered-keys.ts";
import { keysOfGroup } from "./group.ts";
import { decodeHead, type PlacedKey } from "./message.ts";
import type { StreamServer } from "./server.ts";
import type { KeyPlace } from "./view.ts";

/** What stands under those of the keys that are remembered, in their order. One whose message retention dropped is forgotten. */
export async function recallAll(
  server: StreamServer,
  subject: (partition: number) => string,
  remembered: RememberedKeys<KeyPlace>,
  keys: readonly string[],
): Promise<Map<string, KeyedAnswer>> {
  const groups = new Map<string, Promise<Buffer | undefined>>();
  const answers = new Map<string, KeyedAnswer>();
  for (const key of keys) {
    const place = remembered.find(key);
    if (place === undefined) continue;
    const id = `${place.partition} ${place.sequence}`;
    const reading = groups.get(id) ?? readGroup(server, subject(place.partition), place.sequence);
    groups.set(id, reading);
    const bytes = await reading;
    if (bytes === undefined) {
      remembered.forget(key);
      continue;
    }
    const entry = decodeKeyEntry(bytes.subarray(place.at, place.at + place.bytes));
    if (entry?.key !== key) {
      throw new HeadraceError(
        "log_corrupt",
        `a key's entry in message ${place.sequence} of ${server.stream} can't be read`,
      );
    }
    answers.set(key, { bodyHash: entry.bodyHash, answer: entry.answer });
  }
  return answers;
}

/** The keys of the group that begins with a message. */
export async function readKeys(
  server: StreamServer,
  subject: string,
  sequence: number,
): Promise<readonly PlacedKey[]> {
  const bytes = await readGroup(server, subject, sequence);
  return bytes === undefined ? [] : keysOfGroup(bytes);
}

/** The bytes of the group that begins with a message, which may be a run of several; undefined when it isn't there any more. */
async function readGroup(
  server: StreamServer,
  subject: string,
  sequence: number,
): Promise<Buffer | undefined> {
  let message = await server.at(sequence);
  let head = decodeHead(message?.header);
  if (message === undefined || head === undefined) return undefined;
  const parts = [Buffer.from(message.data)];
  const { run } = head;
  const count = run?.parts ?? 1;
  for (let tip = sequence; parts.length < count;) {
    message = await server.next(subject, message.seq + 1);
    if (message === undefined) return undefined;
    head = decodeHead(message.header);
    if (head?.prev !== tip) continue;
    if (head.run?.id !== run?.id) return undefined;
    tip = message.seq;
    parts.push(Buffer.from(message.data));
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}
