import { MIB } from "../../units.ts";
import type { Appended, KeyedAnswer } from "../log.ts";
import { corrupt } from "./corrupt.ts";
import { errorCode, readFully, type File, type FileSystem } from "../../file-system.ts";
import { decodeKeyEntry } from "../record/key-entry.ts";
import type { KeyIndex, KeyPlace } from "./key-index.ts";

/** Entries that follow each other in a file are read together up to so many bytes. */
const READ_BYTES_MAX = MIB;

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

  /**
   * Writes unless one of the keys, the batch's own and its events', is remembered. Begins at once when nothing is known of
   * them, so that appends keep their order. All are claimed together or none, so that no two appends wait for each other.
   */
  first(
    key: string | undefined,
    eventKeys: readonly string[],
    write: () => Promise<Appended>,
  ): Promise<Appended> {
    const keys = key === undefined ? eventKeys : [key, ...eventKeys];
    return this.#areNew(keys) ? this.#claim(keys, write) : this.#afterFirst(key, keys, write);
  }

  #areNew(keys: readonly string[]): boolean {
    return keys.every((key) => !this.#underWay.has(key) && this.#keys.find(key) === undefined);
  }

  async #afterFirst(
    key: string | undefined,
    keys: readonly string[],
    write: () => Promise<Appended>,
  ): Promise<Appended> {
    for (;;) {
      const underWay = keys.map((each) => this.#underWay.get(each)).find((one) => one !== undefined);
      if (underWay !== undefined) {
        await underWay;
        continue;
      }
      const seen = await this.#recallAll(keys);
      const [oldest] = seen.values();
      if (oldest !== undefined) {
        const first = key === undefined ? undefined : seen.get(key);
        return first === undefined
          ? { kind: "duplicate", first: oldest, seen }
          : { kind: "duplicate", first };
      }
      // Another one may have begun while this looked.
      if (this.#areNew(keys)) return this.#claim(keys, write);
    }
  }

  #claim(keys: readonly string[], write: () => Promise<Appended>): Promise<Appended> {
    const writing = write();
    const end = (): void => {
      for (const key of keys) this.#underWay.delete(key);
    };
    const ended = writing.then(end, end);
    for (const key of keys) this.#underWay.set(key, ended);
    return writing;
  }

  async recall(key: string): Promise<KeyedAnswer | undefined> {
    if (this.#keys.find(key) === undefined) return undefined;
    const found = await this.#recallAll([key]);
    return found.get(key);
  }

  /** What stands under those of the keys that are remembered, in their order. */
  async #recallAll(keys: readonly string[]): Promise<Map<string, KeyedAnswer>> {
    const answers = new Map<string, KeyedAnswer>();
    let missing = this.#find(keys);
    while (missing.length > 0) {
      for (const run of runsOf(missing)) await this.#readRun(run, answers);
      // Those whose file was sealed or dropped meanwhile: they lie elsewhere now, or are gone.
      const again = this.#find(missing.map(({ key }) => key).filter((key) => !answers.has(key)));
      const places = new Set(missing.map(({ place }) => place));
      const stuck = again.find(({ place }) => places.has(place));
      if (stuck !== undefined) throw corrupt(stuck.place.path, stuck.place.at, "the file is missing");
      missing = again;
    }
    return new Map(
      keys.flatMap((key) => {
        const answer = answers.get(key);
        return answer === undefined ? [] : [[key, answer]];
      }),
    );
  }

  #find(keys: readonly string[]): Found[] {
    return keys.flatMap((key) => {
      const place = this.#keys.find(key);
      return place === undefined ? [] : [{ key, place }];
    });
  }

  /** Reads the entries of a run, unless their file isn't there. */
  async #readRun(run: readonly Found[], into: Map<string, KeyedAnswer>): Promise<void> {
    const [first] = run;
    const last = run.at(-1);
    if (first === undefined || last === undefined) return;
    const { path, at: from } = first.place;
    let file: File;
    try {
      file = await this.#fileSystem.open(path, "read");
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw error;
    }
    try {
      const bytes = await readFully(file, from, last.place.at + last.place.bytes - from);
      for (const { key, place } of run) {
        const start = place.at - from;
        const entry = decodeKeyEntry(bytes.subarray(start, start + place.bytes));
        if (entry?.key !== key) throw corrupt(path, place.at, "a key entry can't be read");
        into.set(key, { bodyHash: entry.bodyHash, answer: entry.answer });
      }
    } finally {
      await file.close();
    }
  }
}

interface Found {
  readonly key: string;
  readonly place: KeyPlace;
}

/** Entries that lie one after the other in a file, as those of one batch do, up to READ_BYTES_MAX. */
function runsOf(found: readonly Found[]): Found[][] {
  const sorted = [...found].sort(
    (a, b) => a.place.path.localeCompare(b.place.path) || a.place.at - b.place.at,
  );
  const runs: Found[][] = [];
  let run: Found[] = [];
  for (const one of sorted) {
    const start = run[0]?.place;
    const end = run.at(-1)?.place;
    const follows =
      start !== undefined &&
      end?.path === one.place.path &&
      end.at + end.bytes === one.place.at &&
      one.place.at + one.place.bytes - start.at <= READ_BYTES_MAX;
    if (!follows) {
      run = [];
      runs.push(run);
    }
    run.push(one);
  }
  return runs;
}
