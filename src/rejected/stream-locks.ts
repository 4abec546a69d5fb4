import { HeadraceError } from "../errors.ts";

/** One replay, erasure, reset or rebuild of a stream at a time: each decides on what is there. */
export class StreamLocks {
  readonly #held = new Set<string>();

  /** @throws HeadraceError `stream_busy`. */
  async hold<Value>(stream: string, work: () => Promise<Value>): Promise<Value> {
    if (this.#held.has(stream)) {
      throw new HeadraceError("stream_busy", `A replay, erasure, reset or rebuild of ${stream} is running`, {
        retryAfterSeconds: 1,
      });
    }
    this.#held.add(stream);
    try {
      return await work();
    } finally {
      this.#held.delete(stream);
    }
  }
}
