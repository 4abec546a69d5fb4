/** More than a millisecond's inserts, and less than would leave the safe integers. */
const VERSIONS_PER_MILLISECOND = 1_000;

/** See `Loader.version`. Not a number of an earlier run either: an answer may outlive the process in somebody's cache. */
export class VersionCounter {
  #now: number;

  /** @param clock Milliseconds since 1970. */
  constructor(clock: () => number) {
    this.#now = clock() * VERSIONS_PER_MILLISECOND;
  }

  get now(): number {
    return this.#now;
  }

  raise(): void {
    this.#now += 1;
  }
}
