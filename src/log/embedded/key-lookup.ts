import type { Appended, KeyedAnswer } from "../log.ts";
import { corrupt } from "./corrupt.ts";
import { errorCode, readFully, type FileSystem } from "./file-system.ts";
import { decodeKeyEntry } from "./key-entry.ts";
import type { KeyIndex, KeyPlace } from "./key-index.ts";

/** Finds the answers that keys stand for, and sees to it that of several appends with one key only one is written. */
export class KeyLookup {
  readonly #fileSystem: FileSystem;
  readonly #keys: KeyIndex;
  /** Keys whose first append is under way; each promise resolves when it has ended, well or not. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(fileSystem: FileSystem, keys: KeyIndex) {
    this.#fileSystem = fileSystem;
    this.#keys = keys;
  }

  /** Writes unless the key is remembered. Begins at once when nothing is known of the key, so that appends keep their order. */
  first(key: string, write: () => Promise<Appended>): Promise<Appended> {
    if (this.#underWay.has(key) || this.#keys.find(key) !== undefined) return this.#afterFirst(key, write);
    return this.#claim(key, write);
  }

  async #afterFirst(key: string, write: () => Promise<Appended>): Promise<Appended> {
    for (;;) {
      const underWay = this.#underWay.get(key);
      if (underWay !== undefined) {
        await underWay;
        continue;
      }
      const first = await this.recall(key);
      if (first !== undefined) return { kind: "duplicate", first };
      // Another one may have begun while this looked.
      if (!this.#underWay.has(key) && this.#keys.find(key) === undefined) return this.#claim(key, write);
    }
  }

  async #claim(key: string, write: () => Promise<Appended>): Promise<Appended> {
    const writing = write();
    this.#underWay.set(key, settled(writing));
    try {
      return await writing;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async recall(key: string): Promise<KeyedAnswer | undefined> {
    for (;;) {
      const place = this.#keys.find(key);
      if (place === undefined) return undefined;
      try {
        return await this.#read(key, place);
      } catch (error) {
        // Its segment was sealed or dropped while this looked; gone for good when the index still says the same.
        if (errorCode(error) !== "ENOENT") throw error;
        if (this.#keys.find(key) === place) throw corrupt(place.path, place.at, "the file is missing");
      }
    }
  }

  async #read(key: string, place: KeyPlace): Promise<KeyedAnswer> {
    const file = await this.#fileSystem.open(place.path, "read");
    try {
      const entry = decodeKeyEntry(await readFully(file, place.at, place.bytes));
      if (entry?.key !== key) throw corrupt(place.path, place.at, "a key entry can't be read");
      return { bodyHash: entry.bodyHash, answer: entry.answer };
    } finally {
      await file.close();
    }
  }
}

/** Resolves when the promise does either. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await Promise.allSettled([promise]);
}
