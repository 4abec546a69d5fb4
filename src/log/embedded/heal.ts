import { randomBytes } from "node:crypto";
import type { StreamSchema } from "../../project/column.ts";
import { readFully, writeFully, type FileSystem } from "../../file-system.ts";
import type { KeyIndex } from "./key-index.ts";
import { Lineage } from "../lineage.ts";
import type { Inspected } from "./recovery.ts";
import { seal } from "./seal.ts";
import { Segment } from "./segment.ts";

export interface Healed {
  readonly segments: Segment[];
  /** The last of them, held once. */
  readonly active: Segment;
  readonly lineage: Lineage;
}

/**
 * Makes what `inspect` found fit to go on with: everything that is whole is on disk, a torn tail is cut off and a new
 * log id begins behind it, and the last segment is one of the stream's schema.
 *
 * A crash at any step leaves what the next `inspect` understands. The new segment comes before the cut, because it
 * says where the cut is and keeps the new log id; after the cut nothing would tell that a tail was lost.
 */
export async function heal(
  fileSystem: FileSystem,
  found: Inspected,
  schema: StreamSchema,
  keys: KeyIndex,
): Promise<Healed> {
  for (const path of found.temporaries) await fileSystem.remove(path);
  const segments = [...found.segments];
  let last = segments.at(-1);
  if (last === undefined) {
    const lineage = new Lineage([], newLogId());
    const first = await createNext(fileSystem, found, undefined, lineage, schema);
    return { segments: [first], active: first, lineage };
  }
  await makeDurable(last, found.lastGroup);
  const { header } = last.placed;
  let lineage = new Lineage(header.lineage, header.log);
  const lost = found.tornBytes > 0 || found.cursorAhead;
  if (lost) lineage = lineage.next(last.end, newLogId(), segments[0]?.base ?? 0);
  if (lost || header.schema.fingerprint !== schema.fingerprint) {
    const next = await createNext(fileSystem, found, last, lineage, schema);
    // An empty segment has the name of the one that follows it, which has taken its place.
    if (last.empty) segments.pop();
    segments.push(next);
    last = next;
  } else {
    await last.hold();
  }
  for (const segment of segments) {
    if (segment === last || segment.sealed) continue;
    await segment.use(async (file) => {
      await file.truncate(segment.bytes);
      await file.sync();
    });
    await seal(fileSystem, found.folder, segment, keys);
  }
  if (found.cursors.size > 0) {
    // A cursor in a tail that was lost stands at the beginning of the next log from now on.
    const first = segments[0]?.base ?? last.base;
    await found.cursors.rewrite((position) => lineage.at(lineage.resolve(position, first)));
  }
  return { segments, active: last, lineage };
}

/** Creates the segment that follows the last one, or the first of all. */
function createNext(
  fileSystem: FileSystem,
  { stream, folder }: Inspected,
  last: Segment | undefined,
  lineage: Lineage,
  schema: StreamSchema,
): Promise<Segment> {
  return Segment.create(fileSystem, folder, {
    stream,
    log: lineage.current,
    base: last?.end ?? 0,
    previous: last?.asPrevious(),
    ...(last?.empty === true ? { lost: last.placed.header.lost } : {}),
    lineage: lineage.ended,
    schema,
  });
}

/**
 * What is whole may still be only in the kernel's memory, and if a sync had failed, marked there as written. So the
 * last group, the only one that nobody may have synced, is written again over itself before the sync.
 */
async function makeDurable(segment: Segment, lastGroup: number): Promise<void> {
  await segment.use(async (file) => {
    const group = await readFully(file, lastGroup, segment.bytes - lastGroup);
    await writeFully(file, [group], lastGroup);
    await file.sync();
  });
}

/** 64 random bits: two logs never have the same. */
export function newLogId(): string {
  return randomBytes(8).toString("hex");
}
