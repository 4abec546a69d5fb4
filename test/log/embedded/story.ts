import assert from "node:assert/strict";
import { HeadraceError, toHeadraceError } from "../../../src/errors.ts";
import { openEmbeddedLog } from "../../../src/log/embedded/embedded-log.ts";
import type { Log, LogBatch, NewBatch } from "../../../src/log/log.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { SimulatedDisk } from "../../support/simulated-disk.ts";
import { after, batchOf, EVERYTHING, readAll, SCHEMA, WIDER_SCHEMA } from "../contract.ts";
import { NOW } from "./folder.ts";

const LIVES = 6;
const WRITERS = 4;

/**
 * Writers append and a loader reads and commits on a disk that fails at a random call; then the log is opened on what
 * the disk kept, and everything that was ever promised or seen is compared with it. Then again.
 */
export class Story {
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  /** Tags of the batches that were acknowledged, and of those that never were. */
  readonly #acknowledged = new Map<string, NewBatch>();
  readonly #unanswered = new Set<string>();
  /** Refused while the log went on: they must never turn up. */
  readonly #refused = new Set<string>();
  /** What any reader ever saw at a position. */
  readonly #seen = new Map<string, string>();
  #committed: { log: string; offset: number } | undefined;
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#disk = new SimulatedDisk(seed);
  }

  async run(): Promise<{ acknowledged: number; refused: number; logs: number; events: number }> {
    for (let life = 0; life < LIVES; life += 1) {
      const powerFails = this.#random.chance(0.7);
      const end = this.#disk.calls + 5 + this.#random.below(150);
      const isFaulty = this.#random.chance(0.3);
      this.#disk.fault = ({ name, index, bytes }) => {
        if (index >= end) return "power";
        if (isFaulty && name === "write" && bytes > 1 && this.#random.chance(0.02))
          return this.#random.below(bytes - 1) + 1;
        if (isFaulty && (name === "write" || name === "truncate") && this.#random.chance(0.02))
          return "ENOSPC";
        if (isFaulty && name === "sync" && this.#random.chance(0.02)) return "EIO";
        return undefined;
      };
      await this.#live(this.#random.chance(0.3));
      if (powerFails) {
        this.#disk.powerOff();
        this.#disk.powerOn();
      } else {
        this.#disk.restartProcess();
      }
      this.#disk.fault = () => undefined;
      await this.#check();
    }
    const logs = new Set([...this.#seen.keys()].map((place) => place.split("/")[0]));
    const events = [...this.#acknowledged.values()].reduce(
      (sum, batch) => sum + batch.events.count + batch.rejected.count,
      0,
    );
    return { acknowledged: this.#acknowledged.size, refused: this.#refused.size, logs: logs.size, events };
  }

  #open(wider = false): Promise<Log> {
    return openEmbeddedLog({
      folder: "/log",
      streams: [{ name: "s", schema: wider ? WIDER_SCHEMA : SCHEMA }],
      segmentBytes: 4096,
      clock: () => NOW,
      fileSystem: this.#disk,
    });
  }

  /** Appends and reads until the disk fails. */
  async #live(wider: boolean): Promise<void> {
    let log: Log;
    try {
      log = await this.#open(wider);
    } catch (error) {
      assertDiskError(error);
      return;
    }
    const stop = new AbortController();
    const writing = Promise.all(Array.from({ length: WRITERS }, () => this.#write(log)));
    await Promise.all([writing.finally(() => stop.abort()), this.#load(log, stop.signal)]);
    await log.close().catch(() => {});
  }

  async #write(log: Log): Promise<void> {
    for (;;) {
      const tag = `batch ${(this.#count += 1)}`;
      const batch = batchOf(tag, {
        events: 1 + this.#random.below(3),
        rejected: this.#random.below(2),
        pad: this.#random.below(this.#random.chance(0.1) ? 900 : 40),
        acceptedAt: NOW,
        ...this.#keys(tag),
      });
      this.#unanswered.add(tag);
      try {
        await log.append("s", batch);
        this.#unanswered.delete(tag);
        this.#acknowledged.set(tag, batch);
      } catch (error) {
        if (!(error instanceof HeadraceError) || error.code !== "log_full") return;
        this.#unanswered.delete(tag);
        this.#refused.add(tag);
      }
    }
  }

  /** A key of the batch, keys of its events, or none. */
  #keys(tag: string): { key?: string; eventKeys?: string[] } {
    if (this.#random.chance(0.4)) return { key: tag };
    return this.#random.chance(0.4) ? { eventKeys: [tag, `${tag}, second`] } : {};
  }

  async #load(log: Log, stop: AbortSignal): Promise<void> {
    try {
      let position = await log.cursor("s", 0, "loader");
      while (!stop.aborted) {
        const page = await log.read("s", 0, position, { bytes: 2_000, events: 10 });
        for (const batch of page) this.#see(batch);
        if (page.length === 0) {
          await log.wait("s", 0, position, stop);
          continue;
        }
        position = after(page.at(-1));
        await log.commit("s", 0, "loader", position);
        this.#committed = position;
      }
    } catch (error) {
      assertDiskError(error);
    }
  }

  #see(batch: LogBatch): void {
    const text = batch.events.bytes.toString() + batch.rejected.bytes.toString();
    const place = `${batch.log}/${batch.offset}`;
    assert.equal(this.#seen.get(place) ?? text, text, `${place} held something else before`);
    this.#seen.set(place, text);
  }

  /** Everything acknowledged is there once, in one piece, and what was not is whole or absent. */
  async #check(): Promise<void> {
    const log = await this.#open();
    const batches = await readAll(log, "s");
    const tags = new Map<string, LogBatch>();
    let end = 0;
    for (const batch of batches) {
      this.#see(batch);
      assert.equal(batch.offset, end);
      end = after(batch).offset;
      const line: unknown = JSON.parse(batch.events.bytes.toString().split("\n")[0] ?? "");
      const { event } = line as { event: string };
      assert.ok(!tags.has(event), `${event} is there twice`);
      assert.ok(!this.#refused.has(event), `${event} was refused`);
      assert.ok(this.#acknowledged.has(event) || this.#unanswered.has(event));
      tags.set(event, batch);
    }
    for (const [tag, sent] of this.#acknowledged) {
      const found = tags.get(tag);
      assert.ok(found !== undefined, `${tag} was acknowledged`);
      assert.equal(found.events.bytes.toString(), Buffer.concat(sent.events.bytes).toString());
      assert.equal(found.rejected.bytes.toString(), Buffer.concat(sent.rejected.bytes).toString());
      for (const { key, bodyHash, answer } of [sent.key ?? [], sent.eventKeys ?? []].flat()) {
        assert.deepEqual(await log.recall("s", key), { bodyHash, answer });
      }
    }
    for (const tag of this.#unanswered) {
      if (tags.has(tag)) continue;
      assert.equal(await log.recall("s", tag), undefined);
      assert.equal(await log.recall("s", `${tag}, second`), undefined);
    }
    const cursor = await log.cursor("s", 0, "loader");
    assert.ok(cursor.offset >= (this.#committed?.offset ?? 0));
    const unread = batches.filter((batch) => after(batch).offset > cursor.offset);
    assert.equal((await log.read("s", 0, cursor, EVERYTHING)).length, unread.length);
    await log.close();
  }
}

function assertDiskError(error: unknown): void {
  assert.match(toHeadraceError(error).code, /^log_(failed|full)$/);
}
