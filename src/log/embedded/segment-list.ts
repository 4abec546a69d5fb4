import { messageOf } from "../../errors.ts";
import type { StreamSchema } from "../../project/column.ts";
import type { LogObserver } from "../log.ts";
import type { CursorFile } from "./cursor-file.ts";
import type { FileSystem } from "../../file-system.ts";
import type { KeyIndex } from "./key-index.ts";
import { LOADER_SUBSCRIPTION } from "../limits.ts";
import { SEGMENT_AGE_FRACTION } from "./limits.ts";
import type { Lineage } from "../lineage.ts";
import type { Inspected, KeyFile } from "./recovery.ts";
import type { Retention } from "../log-options.ts";
import { countDroppable } from "./retention.ts";
import { seal } from "./seal.ts";
import { Segment, sidePath } from "./segment.ts";
import type { LostOffsets } from "./segment-header.ts";

export interface SegmentListOptions {
  readonly fileSystem: FileSystem;
  readonly segmentBytes: number;
  readonly retention: Retention;
  readonly observer: LogObserver;
  readonly clock: () => number;
}

/** A stream's segments: begins new ones at the end, and in the background seals those that are closed and drops the old. */
export class SegmentList {
  readonly #stream: string;
  readonly #folder: string;
  readonly #schema: StreamSchema;
  readonly #segments: Segment[];
  readonly #keyFiles: KeyFile[];
  readonly #lineage: Lineage;
  readonly #cursors: CursorFile;
  readonly #keys: KeyIndex;
  readonly #options: SegmentListOptions;
  #active: Segment;
  /** Set when a new segment was begun and may be on disk: nothing may be added to the old one any more. */
  #mustRoll = false;
  #upkeep: Promise<void> | undefined;

  constructor(
    found: Inspected,
    healed: { segments: Segment[]; active: Segment; lineage: Lineage },
    keys: KeyIndex,
    options: SegmentListOptions,
  ) {
    this.#stream = found.stream;
    this.#folder = found.folder;
    this.#cursors = found.cursors;
    this.#keyFiles = found.keyFiles;
    this.#segments = healed.segments;
    this.#active = healed.active;
    this.#lineage = healed.lineage;
    this.#schema = healed.active.placed.header.schema;
    this.#keys = keys;
    this.#options = options;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** The oldest offset that is kept. */
  get first(): number {
    return this.#segments[0]?.base ?? this.#active.base;
  }

  /** The offset after the last durable one. */
  get end(): number {
    return this.#active.end;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Offsets between the first and the last that a salvage could not save. */
  get lost(): number {
    const [, ...later] = this.#segments;
    return later.reduce((sum, { placed }) => sum + lengthOf(placed.header.lost), 0);
  }

  /** The last segment, or a new one when it has no room for so many bytes or has grown old. Only the appender may call it. */
  async segmentFor(bytes: number): Promise<Segment> {
    const isFull = this.#active.bytes + bytes > this.#options.segmentBytes;
    if (this.#mustRoll || (!this.#active.empty && (isFull || this.hasAged()))) await this.#roll();
    return this.#active;
  }

  /** Whether the last segment holds events for so long that it should be closed, to be dropped in time. */
  hasAged(): boolean {
    const since = this.#active.firstAcceptedAt;
    const { retention, clock } = this.#options;
    return since !== undefined && since + retention.age * SEGMENT_AGE_FRACTION <= clock();
  }

  async #roll(): Promise<void> {
    this.#mustRoll = true;
    const old = this.#active;
    const next = await Segment.create(this.#options.fileSystem, this.#folder, {
      stream: this.#stream,
      log: this.#lineage.current,
      base: old.end,
      previous: old.asPrevious(),
      lineage: this.#lineage.ended,
      schema: this.#schema,
    });
    this.#mustRoll = false;
    this.#active = next;
    this.#segments.push(next);
    await old.release();
    this.tidy();
  }

  /** Seals and drops in the background, when there is anything to do. */
  tidy(): void {
    if (this.#upkeep !== undefined || !this.#hasWork()) return;
    this.#upkeep = this.#sealAndDrop()
      .catch((error: unknown) => this.#options.observer.upkeepFailed?.(this.#stream, messageOf(error)))
      .finally(() => {
        this.#upkeep = undefined;
      });
  }

  async close(): Promise<void> {
    await this.#upkeep;
    await this.#active.release();
  }

  #hasWork(): boolean {
    const unsealed = this.#segments.some((segment) => segment !== this.#active && !segment.sealed);
    return (
      unsealed ||
      this.#droppable() > 0 ||
      this.#keyFiles.some((file) => this.#keys.isOver(file.lastAcceptedAt))
    );
  }

  #droppable(): number {
    const { retention, clock } = this.#options;
    return countDroppable(this.#segments, retention, this.#needed(), clock());
  }

  /** The oldest offset that a subscription needs. The loader needs all until it says otherwise. */
  #needed(): number {
    let needed = this.#cursors.has(LOADER_SUBSCRIPTION) ? this.end : this.first;
    for (const position of this.#cursors.needed()) {
      needed = Math.min(needed, this.#lineage.resolve(position, 0));
    }
    return needed;
  }

  async #sealAndDrop(): Promise<void> {
    const { fileSystem, observer } = this.#options;
    for (const segment of this.#segments) {
      if (segment !== this.#active && !segment.sealed)
        await seal(fileSystem, this.#folder, segment, this.#keys);
    }
    const dropped = { segments: 0, bytes: 0 };
    // Asked again for each, since a subscription may have been set back meanwhile; a read must not find one half gone.
    while (this.#droppable() > 0) {
      const segment = this.#segments.shift();
      if (segment === undefined) break;
      const side = { path: sidePath(this.#folder, segment.base), lastAcceptedAt: segment.lastAcceptedAt };
      this.#keyFiles.push(side);
      await segment.remove();
      dropped.segments += 1;
      dropped.bytes += segment.bytes;
    }
    for (const file of this.#keyFiles.filter(({ lastAcceptedAt }) => this.#keys.isOver(lastAcceptedAt))) {
      await fileSystem.remove(file.path);
      this.#keyFiles.splice(this.#keyFiles.indexOf(file), 1);
    }
    if (dropped.segments > 0) {
      await fileSystem.syncFolder(this.#folder);
      observer.dropped?.(this.#stream, dropped);
    }
  }
}

function lengthOf(lost: LostOffsets | undefined): number {
  return lost === undefined ? 0 : lost.to - lost.from;
}
