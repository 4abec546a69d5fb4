import { createHash, hash } from "node:crypto";
import { HeadraceError } from "../errors.ts";
import { FirstInMap } from "../first-in-map.ts";
import { KIB, MIB } from "../units.ts";
import type { BatchRange } from "../load/load.ts";
import { KEYED_RANGES_MAX } from "./limits.ts";
import type { RequestHead } from "./request-head.ts";
import type { WorkSlice } from "./work-slices.ts";

/** What is hashed between two looks at the clock. Bytes; about 2 ms without the processor's help. */
const HASH_STEP = MIB;
/** Bodies that are hashed with one call, which needs a copy. Bytes. */
const HASH_AT_ONCE = 4 * KIB;

/** The keys whose requests aren't answered yet. */
export class KeysInFlight {
  readonly #keys = new Set<string>();

  /**
   * @returns A function that ends the use of the key.
   * @throws HeadraceError `idempotency_key_in_flight`.
   */
  begin(stream: string, key: string): () => void {
    const used = `${stream}/${key}`;
    if (this.#keys.has(used)) {
      throw new HeadraceError(
        "idempotency_key_in_flight",
        "A request with this Idempotency-Key is being worked on",
        { retryAfterSeconds: 1 },
      );
    }
    this.#keys.add(used);
    return () => void this.#keys.delete(used);
  }
}

/** Where the batches of the latest keys lie, so that a request that comes again can wait for them too. */
export class KeyedRanges {
  readonly #ranges = new FirstInMap<string, BatchRange>();

  remember(stream: string, key: string, range: BatchRange): void {
    this.#ranges.put(`${stream}/${key}`, range);
    const { oldest, size } = this.#ranges;
    if (size > KEYED_RANGES_MAX && oldest !== undefined) this.#ranges.delete(oldest.key);
  }

  find(stream: string, key: string): BatchRange | undefined {
    return this.#ranges.get(`${stream}/${key}`);
  }
}

/** A key as the log keeps it: each caller has keys of their own. Callers' names hold no colon. */
export function scopedKey(caller: string, key: string): string {
  return `${caller}:${key}`;
}

/**
 * What must be the same for a request to be the same again: the decompressed body, its media type, `on_invalid`, and the
 * attributes of a CloudEvent in binary mode.
 */
export async function hashRequest(
  { mediaType, onInvalid, binary }: Pick<RequestHead, "mediaType" | "onInvalid" | "binary">,
  body: Buffer,
  slice: WorkSlice,
): Promise<string> {
  let head = `${mediaType}\n${onInvalid}\n`;
  if (binary !== undefined) {
    const attributes = [...binary.attributes].toSorted(([a], [b]) => (a < b ? -1 : 1));
    head += JSON.stringify(attributes);
  }
  // In one call it takes half the time.
  if (body.length <= HASH_AT_ONCE)
    return hash("sha256", Buffer.concat([Buffer.from(head), body]), "base64url");
  const hashing = createHash("sha256").update(head);
  for (let from = 0; from < body.length; from += HASH_STEP) {
    hashing.update(body.subarray(from, from + HASH_STEP));
    if (slice.isOver) await slice.pause();
  }
  return hashing.digest("base64url");
}
