import { join } from "node:path";
import { TEMPORARY_SUFFIX, writeFully, type FileSystem } from "../../file-system.ts";
import { FULL_PROBE_INTERVAL, GROUP_BYTES_MAX } from "./limits.ts";

/**
 * Remembers that the disk is full, and finds out by itself when it isn't any more, with a file as large as what was refused:
 * a balancer that goes by `/readyz` sends nothing that could find it out.
 */
export class FullDisk {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  #reason: string | undefined;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #probing: Promise<void> | undefined;
  #closed = false;

  constructor(fileSystem: FileSystem, folder: string) {
    this.#fileSystem = fileSystem;
    this.#path = join(folder, `probe${TEMPORARY_SUFFIX}`);
  }

  /** Why appends are refused now; undefined while there is space. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** A group of so many bytes was refused. */
  refused(bytes: number, reason: string): void {
    this.#reason = reason;
    this.#bytes = Math.min(bytes, GROUP_BYTES_MAX);
    this.#schedule();
  }

  /** A group was taken. */
  taken(): void {
    this.#reason = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.taken();
    await this.#probing;
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#probing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#probing = this.#probe().finally(() => {
        this.#probing = undefined;
        if (this.#reason !== undefined) this.#schedule();
      });
    }, FULL_PROBE_INTERVAL).unref();
  }

  async #probe(): Promise<void> {
    try {
      const file = await this.#fileSystem.open(this.#path, "create");
      try {
        await writeFully(file, [Buffer.alloc(Math.max(1, this.#bytes))], 0);
        // Some file systems find out only now.
        await file.sync();
        this.#reason = undefined;
      } finally {
        await file.close();
        await this.#fileSystem.remove(this.#path);
      }
    } catch {
      // Still full, or worse: the next append tells.
    }
  }
}
