import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedLog, type EmbeddedLogOptions } from "../../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../../src/log/log.ts";
import { batchOf, SCHEMA } from "../contract.ts";

export const NOW = 1_700_000_000_000;

/** A log's folder on the real disk with one stream, `s`, that a test can copy, damage and put back. */
export class LogFolder {
  readonly root: string;
  readonly stream: string;

  private constructor(root: string) {
    this.root = root;
    this.stream = join(root, "s");
  }

  static async create(parent = tmpdir()): Promise<LogFolder> {
    return new LogFolder(await mkdtemp(join(parent, "headrace-log-")));
  }

  destroy(): Promise<void> {
    return rm(this.root, { recursive: true });
  }

  open(options: Partial<EmbeddedLogOptions> = {}): Promise<Log> {
    return openEmbeddedLog({
      folder: this.root,
      streams: [{ name: "s", schema: SCHEMA }],
      clock: () => NOW,
      ...options,
    });
  }

  /** Opens it, does something and closes it. */
  async with<Result>(
    work: (log: Log) => Promise<Result>,
    options?: Partial<EmbeddedLogOptions>,
  ): Promise<Result> {
    const log = await this.open(options);
    try {
      return await work(log);
    } finally {
      await log.close();
    }
  }

  /** Appends a batch for each tag, one after the other, so that each is a group of its own. */
  appendTags(tags: readonly string[], options?: Partial<EmbeddedLogOptions>): Promise<void> {
    return this.with(async (log) => {
      for (const tag of tags)
        await log.append("s", batchOf(tag, { events: 2, rejected: 1, key: tag, acceptedAt: NOW }));
    }, options);
  }

  async names(end = ""): Promise<string[]> {
    return (await readdir(this.stream)).filter((name) => name.endsWith(end)).sort();
  }

  async snapshot(): Promise<Map<string, Buffer>> {
    const files = new Map<string, Buffer>();
    for (const name of await this.names()) files.set(name, await readFile(join(this.stream, name)));
    return files;
  }

  async restore(files: ReadonlyMap<string, Buffer>): Promise<void> {
    await rm(this.stream, { recursive: true, force: true });
    await mkdir(this.stream);
    for (const [name, bytes] of files) await writeFile(join(this.stream, name), bytes);
  }
}

/** The tags of batches made with `batchOf`. */
export function tagsOf(batches: readonly { events: { bytes: Buffer } }[]): string[] {
  return batches.map(({ events }) => /"event":"([^"]*)"/.exec(events.bytes.toString())?.[1] ?? "");
}
