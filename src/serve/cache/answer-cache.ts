import { FirstInMap } from "../../first-in-map.ts";
import { MIB } from "../../units.ts";
import type { Answer } from "../answer.ts";

export const CACHE_BYTES_DEFAULT = 64 * MIB;

/** What an entry costs beside its bytes and key: objects, map slot, headers. */
const ENTRY_OVERHEAD = 512;

interface Entry {
  readonly answer: Answer;
  readonly versions: string;
  bytes: number;
}

/**
 * Answers by key, each valid only while the versions of its streams are the ones that it was made under. Bounded in
 * bytes; what was used longest ago goes first.
 */
export class AnswerCache {
  readonly #entries = new FirstInMap<string, Entry>();
  readonly #bytesMax: number;
  #bytes = 0;

  /** @param bytesMax Bytes in all; 0 keeps nothing. */
  constructor(bytesMax: number = CACHE_BYTES_DEFAULT) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The answer under the key, when it was made under these versions. One made under others is dropped. */
  get(key: string, versions: string): Answer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.versions !== versions) {
      this.#drop(key);
      return undefined;
    }
    // What was put last was used last.
    this.#entries.put(key, entry);
    return entry.answer;
  }

  put(key: string, versions: string, answer: Answer): void {
    const entry: Entry = { answer, versions, bytes: costOf(key, answer) };
    this.#drop(key);
    if (entry.bytes > this.#bytesMax) return;
    this.#entries.put(key, entry);
    this.#bytes += entry.bytes;
    // A compressed form that is made later counts too.
    answer.onGrown = () => this.#reweigh(key, entry);
    this.#shrink();
  }

  #reweigh(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    const bytes = costOf(key, entry.answer);
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
    this.#shrink();
  }

  #shrink(): void {
    for (let { oldest } = this.#entries; oldest !== undefined; { oldest } = this.#entries) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(oldest.key);
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function costOf(key: string, answer: Answer): number {
  return ENTRY_OVERHEAD + 2 * key.length + answer.bytes;
}
